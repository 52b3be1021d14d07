// What must hold for every system that an encoder can be.
#include "encoder/systems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "encoder_helpers.h"
#include "relative_encodings.h"

namespace posbench {
namespace {

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const EncoderSystem& system : systems()) all.emplace_back(system.name);
  return all;
}

class EverySystem : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Encoder, EverySystem, testing::ValuesIn(names()),
                         [](const auto& which) { return which.param; });

// Segments where the system has them, labels up to its last class, and a text of as many rows as
// there are.
Batch batch_for(const EncoderOptions& options) {
  Batch batch = packed_batch();
  for (std::size_t r = 0; r < batch.rows.size(); ++r) {
    if (r % 2 == 1) batch.labels[r] = options.shape.classes - 1;
  }
  if (find_system(options.system).has_segments) {
    for (std::size_t t = 0; t < batch.size(); ++t) batch.segments.push_back(t % 3 == 2 ? 1 : 0);
  }
  return batch;
}

TEST_P(EverySystem, HasTheGradientsOfFiniteDifferences) {
  const EncoderOptions options = tiny_system(GetParam());
  Encoder<double> encoder(options);
  randomize(encoder);
  const Batch batch = batch_for(options);
  encoder.loss_and_gradients(batch);
  expect_gradients(encoder, [&] { return encoder.loss(batch); });
}

// Those of global rows are projections too.
TEST_P(EverySystem, HasTheGradientsOfARotation) {
  const EncoderOptions options = tiny_system(GetParam(), "turning");
  Encoder<double> encoder(options), without(tiny_system(GetParam(), "none"));
  randomize(encoder);
  randomize(without);
  const Batch batch = batch_for(options);
  EXPECT_GT(std::abs(encoder.loss_and_gradients(batch) - without.loss(batch)), 1e-4);
  expect_gradients(encoder, [&] { return encoder.loss(batch); });
}

TEST_P(EverySystem, IsTheSameInFloatAndNearlySoInBf16) {
  EncoderOptions options = tiny_system(GetParam());
  const Batch batch = batch_for(options);
  Encoder<double> exact(options);
  randomize(exact);
  const double loss = exact.loss_and_gradients(batch);
  for (const std::string precision : {"f32", "bf16"}) {
    options.precision = precision;
    try {
      Encoder<float> encoder(options);
      randomize(encoder);
      const double tolerance = precision == "f32" ? 1e-5 : 0.08;
      EXPECT_NEAR(encoder.loss(batch), loss, tolerance * loss) << precision;
      EXPECT_NEAR(encoder.loss_and_gradients(batch), loss, tolerance * loss) << precision;
      double squares = 0, apart = 0;
      for (std::size_t i = 0; i < exact.gradients().size(); ++i) {
        const double expected = exact.gradients()[i];
        squares += expected * expected;
        apart += std::pow(static_cast<double>(encoder.gradients()[i]) - expected, 2);
      }
      EXPECT_LT(std::sqrt(apart / squares), 2 * tolerance) << precision;
    } catch (const Unavailable&) {
      continue;  // a CPU without bf16
    }
  }
}

TEST_P(EverySystem, GivesEachSequenceTheSameInAnyLayout) {
  const EncoderOptions options = tiny_system(GetParam());
  Encoder<double> encoder(options);
  randomize(encoder);
  const Batch packed = batch_for(options), same = padded(packed);
  ASSERT_GT(same.size(), packed.size());
  const auto expected = logits_of(encoder, packed, options.shape.classes);
  const auto found = logits_of(encoder, same, options.shape.classes);
  for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-12);
  const double loss = encoder.loss_and_gradients(packed);
  const Buffer<double> gradients = encoder.gradients();
  EXPECT_NEAR(encoder.loss_and_gradients(same), loss, 1e-13);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    ASSERT_NEAR(encoder.gradients()[i], gradients[i], 1e-12);
  }
}

// Some 2,000 rows run in several blocks; the same again and again is one of them many times.
TEST_P(EverySystem, HasTheMeanOfItsBlocks) {
  const EncoderOptions options = tiny_system(GetParam());
  Encoder<double> encoder(options);
  randomize(encoder);
  const Batch once = batch_for(options);
  Batch often;
  while (often.size() < 4 * kBlockRows) {
    const auto start = static_cast<std::int32_t>(often.size());
    const auto append = [&](const auto& from, auto& to, std::int32_t shift) {
      for (const std::int32_t value : from) to.push_back(value + shift);
    };
    append(once.tokens, often.tokens, 0);
    append(once.positions, often.positions, 0);
    append(once.segments, often.segments, 0);
    append(std::span(once.offsets).subspan(1), often.offsets, start);
    append(once.rows, often.rows, start);
    append(once.labels, often.labels, 0);
  }
  const double loss = encoder.loss_and_gradients(once);
  const Buffer<double> gradients = encoder.gradients();
  EXPECT_NEAR(encoder.loss_and_gradients(often), loss, 1e-13);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    ASSERT_NEAR(encoder.gradients()[i], gradients[i], 1e-13);
  }
}

// With dropout the loss that steps see is another one at each step, and its mean over many is near
// the loss without.
TEST_P(EverySystem, DropsAnewAtEachStep) {
  EncoderOptions options = tiny_system(GetParam());
  const Batch batch = batch_for(options);
  const double without = Encoder<double>(options).loss(batch);
  options.dropout = 0.1;
  Encoder<double> encoder(options);
  const double first = encoder.loss_and_gradients(batch);
  EXPECT_NE(encoder.loss_and_gradients(batch), first);
  EXPECT_EQ(encoder.loss(batch), without);  // which does not drop
  EXPECT_NEAR(first, without, 0.5 * without);
}

// Logits of one fully labelled sequence.
std::vector<double> all_logits(Encoder<double>& encoder, const std::vector<std::int32_t>& tokens) {
  Batch batch;
  append_sequence(batch, tokens, std::vector<std::int32_t>(tokens.size(), 0));
  return logits_of(encoder, batch, encoder.shape().classes);
}

TEST_P(EverySystem, LooksAheadOnlyIfItIsNotCausal) {
  const EncoderOptions options = tiny_system(GetParam());
  Encoder<double> encoder(options);
  randomize(encoder);
  const auto before = all_logits(encoder, {3, 1, 4, 1, 5, 9});
  const auto after = all_logits(encoder, {3, 1, 4, 1, 5, 2});
  const auto classes = static_cast<std::size_t>(options.shape.classes);
  double early = 0, last = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    double& largest = i < 5 * classes ? early : last;
    largest = std::max(largest, std::abs(after[i] - before[i]));
  }
  EXPECT_GT(last, 1e-3);
  if (find_system(GetParam()).causal) {
    EXPECT_EQ(early, 0.0);
  } else {
    EXPECT_GT(early, 1e-3);
  }
}

// Attention without positions and masks sees a set. What masks adds an order.
TEST_P(EverySystem, WithoutPositionsIsPermutationEquivariantUnlessItMasks) {
  EncoderOptions options = tiny_system(GetParam(), "none");
  const EncoderSystem& system = find_system(GetParam());
  Encoder<double> encoder(options);
  randomize(encoder);
  const std::vector<std::int32_t> tokens = {3, 1, 4, 1, 5, 9};
  const std::vector<std::size_t> order = {4, 0, 5, 2, 1, 3};
  std::vector<std::int32_t> moved;
  for (const std::size_t from : order) moved.push_back(tokens[from]);
  const auto before = all_logits(encoder, tokens), after = all_logits(encoder, moved);
  const auto classes = static_cast<std::size_t>(options.shape.classes);
  double apart = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const double same = before[order[i / classes] * classes + i % classes];
    apart = std::max(apart, std::abs(after[i] - same));
  }
  if (system.causal || system.has_window) {
    EXPECT_GT(apart, 1e-3);
  } else {
    EXPECT_LT(apart, 1e-12);
  }
}

TEST(Systems, TheSegmentOfATokenMatters) {
  Encoder<double> encoder(tiny_system("bert"));
  randomize(encoder);
  Batch batch = packed_batch();
  const auto without = logits_of(encoder, batch);
  batch.segments.assign(batch.size(), 0);
  EXPECT_EQ(logits_of(encoder, batch), without);
  batch.segments[2] = 1;
  EXPECT_NE(logits_of(encoder, batch), without);
}

TEST(Systems, TheHeadIsTiedWhereClassesAreWords) {
  EncoderOptions options = tiny_system("gpt");
  const Encoder<float> tied(options);
  EXPECT_EQ(tied.layout().count("head") + tied.layout().count("head_bias"), 0u);
  options.shape.classes = options.shape.vocabulary - 1;
  const Encoder<float> own(options);
  EXPECT_EQ(own.layout().count("head"), 8u * 11);
  options.system = "encoder";
  options.shape.classes = options.shape.vocabulary;
  EXPECT_EQ(Encoder<float>(options).layout().count("head"), 8u * 12);
}

TEST(Systems, AWindowOfTheWholeTextIsNoWindow) {
  EncoderOptions options = tiny_system("longformer");
  options.shape.window = options.shape.max_length;
  options.shape.globals = 0;
  Encoder<double> windowed(options);
  options.system = "encoder";
  Encoder<double> plain(options);
  randomize(windowed);
  randomize(plain);
  const auto expected = logits_of(plain, packed_batch());
  const auto found = logits_of(windowed, packed_batch());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12);
}

auto says(const std::string& text) {
  return testing::ThrowsMessage<UserError>(testing::HasSubstr(text));
}

// Beltagy 2020, §5: 512 rows, again and again.
TEST(Systems, LongformersTableIsTiledUnlessAskedOtherwise) {
  EncoderOptions options = tiny_system("longformer");
  options.shape.max_length = 600;
  EXPECT_EQ(encoding_options(options).trained_length, 512);
  EXPECT_EQ(encoding_options(options).fill, "tile");
  const Encoder<float> encoder(options);
  for (const Parameter& part : encoder.layout().parts()) {
    if (part.name != "position") continue;
    const float* rows = encoder.parameters().data() + part.offset;
    EXPECT_TRUE(std::equal(rows, rows + 88 * 8, rows + 512 * 8));
  }
  options.fill = "random";
  EXPECT_EQ(encoding_options(options).fill, "random");
  options.trained_length = 100;
  EXPECT_EQ(encoding_options(options).trained_length, 100);
  options.encoding = "sinusoid";
  EXPECT_THAT([&] { const Encoder<float> none(options); }, says("no learned rows"));
  options.trained_length = 0;
  EXPECT_THAT([&] { const Encoder<float> none(options); }, says("no learned rows to fill"));
  options.fill = "";
  EXPECT_NO_THROW(Encoder<float>{options});
}

TEST(Systems, ProjectionsOfGlobalRowsStartAsAllOthers) {
  EncoderOptions options = tiny_system("longformer");
  const Encoder<float> encoder(options);
  const auto part = [&](const std::string& name) {
    for (const Parameter& each : encoder.layout().parts()) {
      if (each.name != name) continue;
      const float* values = encoder.parameters().data() + each.offset;
      return std::vector<float>(values, values + each.size());
    }
    return std::vector<float>();
  };
  ASSERT_EQ(part("layer1.global").size(), 8u * 24);
  EXPECT_EQ(part("layer1.global"), part("layer1.qkv"));
}

TEST(Systems, WhatASystemCannotBeIsRefused) {
  const auto make = [](const std::string& system, auto change) {
    return [=] {
      EncoderOptions options = tiny_system("longformer");
      options.system = system;
      change(options.shape);
      const Encoder<float> encoder(options);
    };
  };
  EXPECT_THAT(make("brt", [](auto&) {}), says("did you mean 'bert'?"));
  EXPECT_THAT(make("longformer", [](auto& s) { s.window = 7; }),
              says("window is 7; it must be at least 1 and at most max_length, 6"));
  EXPECT_THAT(make("longformer", [](auto& s) { s.window = 0; }), says("window is 0"));
  EXPECT_THAT(make("longformer", [](auto& s) { s.globals = 7; }),
              says("globals is 7; it must be at least 0 and at most max_length, 6"));
  EXPECT_THAT(make("longformer", [](auto& s) { s.globals = -1; }), says("globals is -1"));
  EXPECT_NO_THROW(make("encoder", [](auto& s) { s.window = 7; })());  // which has none
  for (const std::string name : {"learned", "sinusoid", "tupe"}) {
    EXPECT_THAT([&] { const Encoder<float> encoder(tiny_system("transformer_xl", name)); },
                says("those of encoding " + name + " would not tell the texts apart"));
  }
  EXPECT_THAT([] { const Encoder<float> encoder(tiny_system("longformer", "falling")); },
              says("encoding falling adds to the attention scores, which the window of system "
                   "longformer does not take"));
}

TEST(Systems, WhatABatchCannotHaveIsRefused) {
  const auto run = [](const std::string& system, auto change) {
    return [=] {
      Encoder<float> encoder(tiny_system(system));
      Batch batch = packed_batch();
      change(batch);
      encoder.forward(batch);
    };
  };
  EXPECT_THAT(run("encoder", [](Batch& b) { b.segments.assign(b.size(), 0); }),
              says("the batch has segments and system encoder has none"));
  EXPECT_THAT(run("bert", [](Batch& b) { b.segments.assign(3, 0); }),
              says("a batch of 11 tokens has 3 segments"));
  EXPECT_THAT(run("bert", [](Batch& b) { b.segments.assign(b.size(), 2); }), says("segment 2"));
  EncoderOptions options = tiny_system("longformer");
  options.shape.globals = 2;
  Encoder<float> encoder(options);
  EXPECT_THAT([&] { encoder.forward(packed_batch()); },
              says("sequence 1 of the batch has 1 tokens, fewer than the 2 that are global"));
}

}  // namespace
}  // namespace posbench
