#include "encoder/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "encoder_helpers.h"

namespace posbench {
namespace {

std::vector<std::string> names_of(const ParameterLayout& layout) {
  std::vector<std::string> names;
  for (const Parameter& part : layout.parts()) names.push_back(part.name);
  return names;
}

std::vector<float> values_of(const Encoder<float>& encoder, const std::string& name) {
  for (const Parameter& part : encoder.layout().parts()) {
    const float* values = encoder.parameters().data() + part.offset;
    if (part.name == name) return {values, values + part.size()};
  }
  return {};
}

TEST(Weights, ComeBackAsTheyWere) {
  for (const std::string encoding : {"learned", "none"}) {
    Encoder<float> trained(tiny_encoder(encoding)), fresh(tiny_encoder(encoding));
    randomize(trained);
    const std::string bytes = pack_weights(trained.layout(), trained.parameters());
    EXPECT_EQ(unpack_weights(bytes, fresh.layout(), fresh.parameters()), names_of(fresh.layout()));
    EXPECT_EQ(fresh.parameters(), trained.parameters());
  }
}

TEST(Weights, StartWithAListThatPeopleCanRead) {
  const Encoder<float> encoder(tiny_encoder());
  const std::string bytes = pack_weights(encoder.layout(), encoder.parameters());
  EXPECT_THAT(bytes, testing::StartsWith("token 12 8\nposition 6 8\nnorm0.gamma 1 8\n"));
  EXPECT_EQ(bytes.size() - bytes.find("\n\n") - 2, 4 * encoder.layout().count());
}

TEST(Weights, PartsOfAnotherShapeKeepTheirStart) {
  Encoder<float> parent(tiny_encoder());
  randomize(parent);
  EncoderOptions options = tiny_encoder();
  options.shape.classes = 5;  // another task
  options.shape.layers = 3;   // and one layer more
  Encoder<float> child(options);
  const Encoder<float> fresh(options);
  const auto copied = unpack_weights(pack_weights(parent.layout(), parent.parameters()),
                                     child.layout(), child.parameters());
  EXPECT_THAT(copied, testing::Contains("layer1.ff2"));
  EXPECT_THAT(copied, testing::Not(testing::Contains("head")));
  for (const std::string name : {"token", "position", "layer0.qkv", "layer1.norm2.beta"}) {
    EXPECT_EQ(values_of(child, name), values_of(parent, name)) << name;
  }
  for (const std::string name : {"head", "head_bias", "layer2.qkv"}) {
    EXPECT_EQ(values_of(child, name), values_of(fresh, name)) << name;
  }
}

TEST(Weights, AFileCutAnywhereIsRefusedAndChangesNothing) {
  Encoder<float> trained(tiny_encoder()), fresh(tiny_encoder());
  randomize(trained);
  const std::string bytes = pack_weights(trained.layout(), trained.parameters());
  const Buffer<float> before = fresh.parameters();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_THROW(unpack_weights(bytes.substr(0, size), fresh.layout(), fresh.parameters()),
                 UserError)
        << size;
  }
  EXPECT_EQ(fresh.parameters(), before);
}

TEST(Weights, OtherFilesAreRefused) {
  Encoder<float> encoder(tiny_encoder());
  const std::string bytes = pack_weights(encoder.layout(), encoder.parameters());
  const auto unpack = [&](const std::string& text) {
    return [&encoder, text] { unpack_weights(text, encoder.layout(), encoder.parameters()); };
  };
  EXPECT_THROW(unpack("not weights at all")(), UserError);
  EXPECT_THROW(unpack("{\"json\": 1}\n\nmore")(), UserError);
  EXPECT_THROW(unpack(bytes + "x")(), UserError);
  std::string renamed = bytes;
  renamed.replace(renamed.find("12"), 2, "xx");
  EXPECT_THROW(unpack(renamed)(), UserError);
  // Sizes whose product wraps around.
  EXPECT_THROW(unpack("token 4294967296 4294967296\n\n")(), UserError);
}

}  // namespace
}  // namespace posbench
