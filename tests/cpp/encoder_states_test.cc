// What an encoder remembers of earlier text (Dai 2019, §3.2).
#include "encoder/layer_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "encoder_helpers.h"
#include "relative_encodings.h"

namespace posbench {
namespace {

// Room for texts of 12 rows.
EncoderOptions remembering(const std::string& encoding) {
  EncoderOptions options = tiny_system("transformer_xl", encoding);
  options.shape.max_length = 12;
  return options;
}

const std::vector<std::vector<std::int32_t>> kTexts = {
    {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 8, 10}, {2, 7, 1, 8, 2, 8, 1, 8, 4}, {5, 7, 7, 2, 1, 5}};
// Where segments of the texts end.
const std::vector<std::vector<std::size_t>> kEnds = {{5, 9, 12}, {2, 3, 9}, {1, 4, 6}};

// The rows of each text between two ends, every row labelled.
Batch segment_of_texts(std::size_t segment) {
  Batch batch;
  for (std::size_t s = 0; s < kTexts.size(); ++s) {
    const std::size_t from = segment == 0 ? 0 : kEnds[s][segment - 1];
    const std::vector<std::int32_t> tokens(
        kTexts[s].begin() + static_cast<long>(from),
        kTexts[s].begin() + static_cast<long>(kEnds[s][segment]));
    std::vector<std::int32_t> labels;
    for (const std::int32_t token : tokens) labels.push_back(token % 3);
    append_sequence(batch, tokens, labels);
  }
  return batch;
}

Batch whole_texts() {
  Batch batch;
  for (const auto& text : kTexts) {
    append_sequence(batch, text, std::vector<std::int32_t>(text.size(), 0));
  }
  return batch;
}

// How far the logits of texts in three segments are from those of one long pass.
template <class Real>
double distance_from_a_long_pass(const EncoderOptions& options, std::size_t cached_rows) {
  Encoder<Real> encoder(options);
  randomize(encoder);
  const std::vector<Real> expected = logits_of(encoder, whole_texts());
  LayerStates<Real> states(options.shape, kTexts.size(), cached_rows);
  double largest = 0;
  for (std::size_t segment = 0; segment < 3; ++segment) {
    const Batch batch = segment_of_texts(segment);
    const Real* logits = encoder.forward(batch, &states);
    for (std::size_t s = 0, text = 0; s < kTexts.size(); text += kTexts[s++].size()) {
      const std::size_t from = text + (segment == 0 ? 0 : kEnds[s][segment - 1]);
      const auto row = static_cast<std::size_t>(batch.offsets[s]);
      for (std::size_t i = 0; i < 3 * static_cast<std::size_t>(batch.rows_of(s)); ++i) {
        const auto difference = static_cast<double>(logits[3 * row + i] - expected[3 * from + i]);
        largest = std::max(largest, std::abs(difference));
      }
    }
  }
  return largest;
}

TEST(States, OfAllThatWentBeforeMakeSegmentsOneLongPass) {
  for (const std::string encoding : {"none", "falling", "turning"}) {
    EncoderOptions options = remembering(encoding);
    EXPECT_LT(distance_from_a_long_pass<double>(options, 12), 1e-12) << encoding;
    EXPECT_LT(distance_from_a_long_pass<float>(options, 12), 1e-4) << encoding;
    EXPECT_GT(distance_from_a_long_pass<double>(options, 2), 1e-3) << encoding;  // what is lost
    EXPECT_GT(distance_from_a_long_pass<double>(options, 0), 1e-3) << encoding;
    try {
      options.precision = "bf16";
      EXPECT_LT(distance_from_a_long_pass<float>(options, 12), 0.3) << encoding;
    } catch (const Unavailable&) {
      continue;  // a CPU without bf16
    }
  }
}

// Numbers that begin anew in each segment tell no order between segments: why Dai 2019 (§3.3) went
// over to relative ones.
TEST(States, CannotGoWithAbsolutePositions) {
  EXPECT_GT(distance_from_a_long_pass<double>(remembering("misplaced"), 12), 1e-3);
}

TEST(States, HoldTheLastRows) {
  const EncoderOptions options = remembering("falling");
  Encoder<double> encoder(options);
  LayerStates<double> states(options.shape, 3, 4), all(options.shape, 3, 12);
  for (std::size_t segment = 0; segment < 3; ++segment) {
    // The first layer's input hangs on the tokens alone, however much is cached.
    encoder.forward(segment_of_texts(segment), &states);
    encoder.forward(segment_of_texts(segment), &all);
    for (std::size_t s = 0; s < 3; ++s) {
      const std::size_t held = std::min<std::size_t>(4, kEnds[s][segment]);
      ASSERT_EQ(states.cached()[s], static_cast<int>(held));
      ASSERT_EQ(all.cached()[s], static_cast<int>(kEnds[s][segment]));
      const double* last = all.of(0, s) + (kEnds[s][segment] - held) * 8;
      EXPECT_EQ(std::vector<double>(states.of(0, s), states.of(0, s) + held * 8),
                std::vector<double>(last, last + held * 8));
    }
  }
  states.clear();
  EXPECT_EQ(logits_of(encoder, whole_texts()), [&] {
    const double* logits = encoder.forward(whole_texts(), &states);
    return std::vector<double>(logits, logits + 27 * 3);
  }());
}

TEST(States, AreLeftAlikeByTrainingAndByPaddedBatches) {
  const EncoderOptions options = remembering("turning");
  Encoder<double> encoder(options);
  randomize(encoder);
  LayerStates<double> inferred(options.shape, 3, 5), trained = inferred, behind_padding = inferred;
  for (std::size_t segment = 0; segment < 2; ++segment) {
    const Batch batch = segment_of_texts(segment);
    const double loss = encoder.loss(batch, nullptr, &inferred);
    EXPECT_NEAR(encoder.loss_and_gradients(batch, &trained), loss, 1e-14);
    EXPECT_NEAR(encoder.loss(padded(batch), nullptr, &behind_padding), loss, 1e-13);
  }
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::size_t s = 0; s < 3; ++s) {
      ASSERT_EQ(trained.cached()[s], inferred.cached()[s]);
      ASSERT_EQ(behind_padding.cached()[s], inferred.cached()[s]);
      for (std::size_t i = 0; i < 8 * static_cast<std::size_t>(inferred.cached()[s]); ++i) {
        ASSERT_EQ(trained.of(layer, s)[i], inferred.of(layer, s)[i]);
        ASSERT_NEAR(behind_padding.of(layer, s)[i], inferred.of(layer, s)[i], 1e-13);
      }
    }
  }
}

// The states stand still while a parameter moves: no gradient goes into them.
TEST(States, GradientsAreFiniteDifferencesAtFixedStates) {
  for (const std::string encoding : {"t5_bias", "turning"}) {
    const EncoderOptions options = remembering(encoding);
    Encoder<double> encoder(options);
    randomize(encoder);
    LayerStates<double> before(options.shape, 3, 3);
    encoder.forward(segment_of_texts(0), &before);
    const Batch batch = segment_of_texts(1);
    const auto loss = [&] {
      LayerStates<double> states = before;
      return encoder.loss(batch, nullptr, &states);
    };
    LayerStates<double> states = before;
    encoder.loss_and_gradients(batch, &states);
    expect_gradients(encoder, loss);
  }
}

// Cached rows count as work, so these run in several blocks.
TEST(States, ServeManySequencesAsEachAlone) {
  const EncoderOptions options = remembering("falling");
  Encoder<double> encoder(options);
  randomize(encoder);
  constexpr std::size_t kTimes = 60;
  const auto repeated = [](const Batch& once) {
    Batch often;
    for (std::size_t i = 0; i < kTimes; ++i) {
      for (std::size_t s = 0; s < once.sequences(); ++s) {
        const auto from = once.offsets[s], to = once.offsets[s + 1];
        append_sequence(often, {once.tokens.begin() + from, once.tokens.begin() + to},
                        {once.labels.begin() + from, once.labels.begin() + to});
      }
    }
    return often;
  };
  LayerStates<double> few(options.shape, 3, 7), many(options.shape, 3 * kTimes, 7);
  for (std::size_t segment = 0; segment < 3; ++segment) {
    const Batch once = segment_of_texts(segment), often = repeated(once);
    const double loss = encoder.loss_and_gradients(once, &few);
    const Buffer<double> gradients = encoder.gradients();
    EXPECT_NEAR(encoder.loss_and_gradients(often, &many), loss, 1e-13);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      ASSERT_NEAR(encoder.gradients()[i], gradients[i], 1e-13);
    }
  }
  std::size_t blocks = 0;
  const Batch last = repeated(segment_of_texts(2));
  for (Block block{}; block.last_sequence < last.sequences(); ++blocks) {
    block = next_block(last, block, many.cached());
  }
  EXPECT_GT(blocks, 1u);
}

TEST(States, ThatDoNotFitAreRefusedAndStayAsTheyAre) {
  const EncoderOptions options = remembering("turning");
  const Batch batch = segment_of_texts(0);
  const auto says = [](const std::string& text) {
    return testing::ThrowsMessage<UserError>(testing::HasSubstr(text));
  };
  const auto run = [&](auto change, std::size_t sequences = 3) {
    return [&options, &batch, change, sequences] {
      EncoderShape shape = options.shape;
      change(shape);
      LayerStates<float> states(shape, sequences, 4);
      Encoder<float>(options).forward(batch, &states);
    };
  };
  EXPECT_THAT(run([](EncoderShape& s) { s.layers = 3; }),
              says("states of 3 layers of d 8 for 3 sequences meet an encoder of 2 layers of d 8"));
  EXPECT_THAT(run([](EncoderShape& s) { s.hidden = 16; }), says("of d 16"));
  EXPECT_THAT(run([](EncoderShape&) {}, 2), says("for 2 sequences"));
  EXPECT_THAT(
      [&] {
        LayerStates<float> states(options.shape, 3, 4);
        Encoder<float>(tiny_encoder()).forward(batch, &states);
      },
      says("system encoder takes no states of earlier text"));

  Encoder<float> encoder(options);
  LayerStates<float> states(options.shape, 3, 12);
  encoder.forward(segment_of_texts(0), &states);
  EXPECT_THAT([&] { encoder.forward(whole_texts(), &states); },
              says("sequence 0 of the batch has 12 rows behind 5 cached ones; this encoder takes "
                   "12 in all"));
  Batch far = segment_of_texts(1);
  far.positions.back() = 12;
  EXPECT_THAT([&] { encoder.forward(far, &states); }, says("position id 12"));
  EXPECT_THAT(states.cached(), testing::ElementsAre(5, 2, 1));
  encoder.forward(segment_of_texts(1), &states);
  EXPECT_THAT(states.cached(), testing::ElementsAre(9, 3, 4));
}

}  // namespace
}  // namespace posbench
