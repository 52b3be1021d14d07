#include "memory_cost/exact.h"

#include <gtest/gtest.h>

#include "encoding/encoding.h"
#include "memory_cost/model_size.h"

namespace posbench {
namespace {

TEST(ExactBytes, OfBertBase) {
  const auto bytes = [](const std::string& encoding, const std::string& producer) {
    return exact_bytes(encoding, {.producer = producer, .hidden = 768, .max_length = 512});
  };
  const ExactBytes learned = bytes("learned", "table");
  EXPECT_EQ(learned.parameters, 393'216u);
  EXPECT_EQ(learned.parameter_bytes(), 1'572'864u);
  // Weight, gradient and two moments, and 512 position ids.
  EXPECT_EQ(learned.total(), 4u * 1'572'864u + 2048u);
  EXPECT_EQ(bytes("sinusoid", "table").total(), 1'572'864u);
  EXPECT_EQ(bytes("sinusoid", "recurrence").table, 10u * 384u * 4u);
  EXPECT_EQ(bytes("none", "table").total(), 0u);
}

// The arithmetic and the encodings' own counts come from different hands; padding to whole vectors
// of 16 floats is all that may lie between them.
TEST(ExactBytes, AgreeWithWhatTheEncodingsSay) {
  struct Case {
    std::string encoding, convention, producer;
  };
  std::vector<Case> cases;
  for (const EncodingAbout& about : encodings()) {
    cases.push_back({about.name, "", "table"});
    for (const std::string& convention : about.conventions) {
      cases.push_back({about.name, convention, "table"});
    }
  }
  for (const std::string producer :
       {"libm_pow", "libm", "vector_library", "simd", "recurrence", "recurrence_tiles"}) {
    cases.push_back({"sinusoid", "", producer});
  }
  for (const auto& [encoding, convention, producer] : cases) {
    for (const int hidden : {16, 64, 112, 768}) {
      const EncodingOptions options{.convention = convention,
                                    .producer = producer,
                                    .hidden = hidden,
                                    .heads = 2,
                                    .layers = 3,
                                    .max_length = 48};
      const ExactBytes exact = exact_bytes(encoding, options);
      const auto built = make_encoding<float>(encoding, options);
      SCOPED_TRACE(encoding + " " + convention + " " + producer + " " + std::to_string(hidden));
      EXPECT_EQ(built->parameter_count(3), exact.parameters);
      EXPECT_EQ(built->scratch_bytes(), exact.scratch);
      EXPECT_GE(built->table_bytes(), exact.table);
      EXPECT_LE(built->table_bytes(), exact.table + 10 * 15 * sizeof(float));
    }
  }
}

// Published models: total parameters and those of the position table.
TEST(ModelSize, OfPublishedModels) {
  const auto bert = [](std::int64_t hidden, std::int64_t layers) {
    return model_size({30522, 512, 2, hidden, layers, 4 * hidden, true, true}, true);
  };
  EXPECT_EQ(bert(768, 12).total, 109'482'240);
  EXPECT_EQ(bert(768, 12).position, 393'216);
  EXPECT_EQ(bert(1024, 24).total, 335'141'888);
  EXPECT_EQ(bert(1024, 24).position, 524'288);
  EXPECT_EQ(bert(128, 2).total, 4'385'920);
  EXPECT_EQ(bert(128, 2).position, 65'536);
  const auto percent = [](ModelSize size) {
    return 100.0 * static_cast<double>(size.position) / static_cast<double>(size.total);
  };
  EXPECT_NEAR(percent(bert(768, 12)), 0.359, 0.0005);
  EXPECT_NEAR(percent(bert(1024, 24)), 0.156, 0.0005);
  EXPECT_NEAR(percent(bert(512, 4)), 0.911, 0.0005);
  EXPECT_NEAR(percent(bert(256, 4)), 1.173, 0.0005);
  EXPECT_NEAR(percent(bert(128, 2)), 1.494, 0.0005);
  const ModelSize gpt2 = model_size({50257, 1024, 0, 768, 12, 3072, false, true}, true);
  EXPECT_EQ(gpt2.total, 124'439'808);
  EXPECT_EQ(gpt2.position, 786'432);
  EXPECT_NEAR(percent(gpt2), 0.632, 0.0005);
}

TEST(ModelSize, ShareOfBertBaseCrossesOneAndFivePercent) {
  const auto share = [](std::int64_t positions) {
    const ModelSize size = model_size({30522, positions, 2, 768, 12, 3072, true, true}, true);
    return static_cast<double>(size.position) / static_cast<double>(size.total);
  };
  EXPECT_LT(share(1434), 0.01);
  EXPECT_GE(share(1435), 0.01);
  EXPECT_LT(share(7475), 0.05);
  EXPECT_GE(share(7476), 0.05);
}

TEST(ModelSize, FixedPositionsAndUntiedOutputs) {
  const ModelShape shape{100, 10, 0, 4, 1, 8, false, true};
  EXPECT_EQ(model_size(shape, true).total - model_size(shape, false).total, 40);
  ModelShape untied = shape;
  untied.tied = false;
  EXPECT_EQ(model_size(untied, true).total - model_size(shape, true).total, 400);
}

}  // namespace
}  // namespace posbench
