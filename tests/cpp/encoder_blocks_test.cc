// The engine computes one function, however a batch is laid out, divided into blocks or rounded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "encoder/optimizer.h"
#include "encoder_helpers.h"

namespace posbench {
namespace {

// `count` sequences of 1 to `longest` tokens; labels stand in sequences from `first_labelled` on,
// on two rows of three.
Batch ragged_batch(int count, int longest, int first_labelled = 0) {
  Random random(3, "ragged");
  const auto below = [&](int n) {
    return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(n)));
  };
  Batch batch;
  for (int s = 0; s < count; ++s) {
    std::vector<std::int32_t> tokens, labels;
    for (int t = 0, length = 1 + below(longest); t < length; ++t) {
      tokens.push_back(below(12));
      labels.push_back(s >= first_labelled && (s + t) % 3 != 2 ? below(3) : -1);
    }
    append_sequence(batch, tokens, labels);
  }
  return batch;
}

// Sequences [first, last) of a packed batch.
Batch part_of(const Batch& batch, std::size_t first, std::size_t last) {
  Batch part;
  for (std::size_t s = first; s < last; ++s) {
    const auto from = batch.offsets[s], to = batch.offsets[s + 1];
    std::vector<std::int32_t> labels(static_cast<std::size_t>(to - from), -1);
    for (std::size_t r = 0; r < batch.rows.size(); ++r) {
      if (batch.rows[r] >= from && batch.rows[r] < to) {
        labels[static_cast<std::size_t>(batch.rows[r] - from)] = batch.labels[r];
      }
    }
    append_sequence(part, {batch.tokens.begin() + from, batch.tokens.begin() + to}, labels);
  }
  return part;
}

template <class Real>
struct Computed {
  double loss;
  std::vector<Real> logits, gradients;
};

template <class Real>
Computed<Real> computed(const EncoderOptions& options, const Batch& batch) {
  Encoder<Real> encoder(options);
  randomize(encoder);
  encoder.parameters_changed();
  Computed<Real> found;
  found.logits = logits_of(encoder, batch, options.shape.classes);
  found.loss = encoder.loss_and_gradients(batch);
  found.gradients.assign(encoder.gradients().begin(), encoder.gradients().end());
  return found;
}

// The largest difference, as a share of the root mean square of `expected`.
template <class A, class B>
double apart(const std::vector<A>& found, const std::vector<B>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  double squares = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto b = static_cast<double>(expected[i]);
    squares += b * b;
    // A NaN must not look like agreement.
    const double difference = std::abs(static_cast<double>(found[i]) - b);
    largest = difference <= largest ? largest : difference;
  }
  return largest / std::sqrt(squares / static_cast<double>(expected.size()));
}

EncoderOptions with_precision(const std::string& precision) {
  EncoderOptions options = tiny_encoder();
  options.precision = precision;
  return options;
}

// A shape of real proportions, where bf16's rounding meets sums of real length.
EncoderOptions small_encoder(const std::string& precision) {
  EncoderOptions options;
  options.shape = {.vocabulary = 12,
                   .classes = 3,
                   .hidden = 64,
                   .layers = 2,
                   .heads = 2,
                   .feed_forward = 256,
                   .max_length = 40};
  options.token_rms = 0.5;
  options.precision = precision;
  return options;
}

#define SKIP_WITHOUT_BF16()                               \
  try {                                                   \
    const Encoder<float> encoder(with_precision("bf16")); \
  } catch (const Unavailable& error) {                    \
    GTEST_SKIP() << error.what();                         \
  }

TEST(Blocks, EndWithWholeSequencesAndHoldAllOfThem) {
  const Batch batch = ragged_batch(700, 6);
  std::size_t sequences = 0, rows = 0, labels = 0, count = 0;
  for (Block block{}; block.last_sequence < batch.sequences(); ++count) {
    block = next_block(batch, block);
    EXPECT_EQ(block.first_sequence, sequences);
    EXPECT_EQ(block.first_row, rows);
    EXPECT_EQ(block.first_label, labels);
    sequences = block.last_sequence, rows = block.last_row, labels = block.last_label;
    EXPECT_EQ(rows, static_cast<std::size_t>(batch.offsets[sequences]));
    EXPECT_GE(block.rows(), kBlockRows * 3 / 4);  // no small rest
    EXPECT_LE(block.rows(), most_block_rows(batch.size(), 6));
    for (std::size_t r = block.first_label; r < labels; ++r) {
      EXPECT_GE(static_cast<std::size_t>(batch.rows[r]), block.first_row);
      EXPECT_LT(static_cast<std::size_t>(batch.rows[r]), rows);
    }
  }
  EXPECT_EQ(rows, batch.size());
  EXPECT_EQ(labels, batch.rows.size());
  EXPECT_GT(count, 3u);
}

TEST(Blocks, OfAnyBatchHoldNoMoreRowsThanTheBound) {
  for (const int length : {1, 7, 100, 300, 900}) {
    for (const std::size_t rows : {1, 500, 767, 768, 1279, 1280, 4096}) {
      const std::vector<std::int32_t> tokens(static_cast<std::size_t>(length), 1);
      Batch batch;
      while (batch.size() < rows) append_sequence(batch, tokens, tokens);
      for (Block block{}; block.last_sequence < batch.sequences();) {
        block = next_block(batch, block);
        EXPECT_GT(block.rows(), 0u);
        EXPECT_LE(block.rows(), most_block_rows(batch.size(), static_cast<std::size_t>(length)));
      }
    }
  }
}

// The second of each pair has no label in its first block, so nothing there fills the head's
// gradient.
class SeveralBlocks : public testing::TestWithParam<int> {};

TEST_P(SeveralBlocks, GiveWhatTheSameSequencesGiveInOneEach) {
  const Batch batch = ragged_batch(600, 6, GetParam());
  ASSERT_GT(batch.size(), 3 * kBlockRows);
  const EncoderOptions options = tiny_encoder();
  const auto whole = computed<double>(options, batch);

  double loss = 0;
  std::vector<double> logits, gradients(whole.gradients.size());
  for (std::size_t first = 0; first < batch.sequences(); first += 50) {
    const Batch part = part_of(batch, first, std::min(first + 50, batch.sequences()));
    ASSERT_LT(part.size(), kBlockRows);
    if (part.rows.empty()) continue;
    const auto found = computed<double>(options, part);
    logits.insert(logits.end(), found.logits.begin(), found.logits.end());
    // Means over labelled rows weigh by their number.
    const double weight =
        static_cast<double>(part.rows.size()) / static_cast<double>(batch.rows.size());
    loss += weight * found.loss;
    for (std::size_t i = 0; i < gradients.size(); ++i) gradients[i] += weight * found.gradients[i];
  }
  EXPECT_LT(apart(whole.logits, logits), 1e-13);
  EXPECT_NEAR(whole.loss, loss, 1e-13);
  EXPECT_LT(apart(whole.gradients, gradients), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Blocks, SeveralBlocks, testing::Values(0, 250));

template <class Real>
void expect_packed_is_padded(const EncoderOptions& options, double tolerance) {
  for (const Batch& packed : {packed_batch(), ragged_batch(300, 6)}) {
    const Batch same = padded(packed);
    ASSERT_GT(same.size(), packed.size());
    const auto expected = computed<Real>(options, packed), found = computed<Real>(options, same);
    EXPECT_LT(apart(found.logits, expected.logits), tolerance);
    EXPECT_NEAR(found.loss, expected.loss, tolerance * expected.loss);
    EXPECT_LT(apart(found.gradients, expected.gradients), tolerance * 10);
  }
}

TEST(Layouts, PackedIsPadded) {
  expect_packed_is_padded<double>(tiny_encoder(), 1e-13);
  // Blocks end elsewhere, so sums of gradients over rows have another order in f32.
  expect_packed_is_padded<float>(with_precision("f32"), 1e-6);
}

TEST(Layouts, PackedIsPaddedInBf16) {
  SKIP_WITHOUT_BF16();
  // Each row is rounded alike wherever it stands, and gradients are summed in f32.
  expect_packed_is_padded<float>(with_precision("bf16"), 1e-6);
}

TEST(Precision, Bf16FollowsF32) {
  SKIP_WITHOUT_BF16();
  const Batch batch = ragged_batch(60, 40);
  const auto train = [&](const std::string& precision) {
    // As at the start of a training: values of an initialised encoder.
    Encoder<float> encoder(small_encoder(precision));
    Computed<float> found;
    found.logits = logits_of(encoder, batch);
    found.loss = encoder.loss_and_gradients(batch);
    found.gradients.assign(encoder.gradients().begin(), encoder.gradients().end());
    return found;
  };
  const auto exact = train("f32"), rounded = train("bf16");
  // Largest differences over the root mean square: 0.016 and 0.074 on Zen 5, and 0.0005 nats.
  EXPECT_LT(apart(rounded.logits, exact.logits), 0.04);
  EXPECT_NEAR(rounded.loss, exact.loss, 0.002);
  EXPECT_LT(apart(rounded.gradients, exact.gradients), 0.2);
  EXPECT_GT(apart(rounded.logits, exact.logits), 1e-4);  // it is another arithmetic
}

// What bf16 reads follows the optimizer: after steps it is the rounding of the values, not the
// start.
TEST(Precision, Bf16ReadsWhatTheOptimizerWrites) {
  SKIP_WITHOUT_BF16();
  Encoder<float> encoder(with_precision("bf16"));
  Optimizer<float> optimizer({.learning_rate = 0.1, .steps = 5}, encoder.layout());
  const Batch batch = packed_batch();
  const double before = encoder.loss(batch);
  for (int step = 0; step < 5; ++step) {
    encoder.loss_and_gradients(batch);
    optimizer.step(encoder);
  }
  const double after = encoder.loss(batch);
  EXPECT_LT(after, before - 0.1);
  encoder.parameters_changed();  // must have nothing left to renew
  EXPECT_EQ(encoder.loss(batch), after);
}

TEST(BatchOfOne, Trains) {
  Batch one_token, one_sequence;
  append_sequence(one_token, {4}, {1});
  append_sequence(one_sequence, {4, 7, 4}, {-1, 2, -1});
  for (const Batch& batch : {one_token, one_sequence}) {
    const auto exact = computed<double>(tiny_encoder(), batch);
    const auto found = computed<float>(tiny_encoder(), batch);
    EXPECT_LT(apart(found.logits, exact.logits), 1e-5);
    EXPECT_LT(apart(found.gradients, exact.gradients), 1e-4);
  }
}

EncoderOptions dropping(double rate) {
  EncoderOptions options = tiny_encoder();
  options.dropout = rate;
  return options;
}

TEST(Dropout, OfRateZeroIsTheFunctionWithout) {
  const auto with = computed<float>(dropping(0.0), packed_batch());
  const auto without = computed<float>(tiny_encoder(), packed_batch());
  EXPECT_EQ(with.loss, without.loss);
  EXPECT_EQ(with.gradients, without.gradients);
}

TEST(Dropout, LeavesScoresAlone) {
  const auto dropped = computed<double>(dropping(0.5), packed_batch());
  const auto without = computed<double>(tiny_encoder(), packed_batch());
  EXPECT_EQ(dropped.logits, without.logits);
  EXPECT_NE(dropped.loss, without.loss);
}

TEST(Dropout, DrawsAnewInEachStepAndRepeatsItselfInANewTraining) {
  std::vector<double> losses[2];
  for (auto& each : losses) {
    Encoder<float> encoder(dropping(0.3));
    for (int step = 0; step < 4; ++step) each.push_back(encoder.loss_and_gradients(packed_batch()));
  }
  EXPECT_EQ(losses[0], losses[1]);
  std::sort(losses[0].begin(), losses[0].end());
  EXPECT_EQ(std::ranges::adjacent_find(losses[0]), losses[0].end());
}

// A mask depends on the step of training, so every evaluation takes a new encoder at its first.
TEST(Dropout, GradientIsTheFiniteDifferenceUnderOneMask) {
  EncoderOptions options = dropping(0.3);
  options.shape.layers = 1;
  const Batch batch = packed_batch();
  Encoder<double> start(options);
  randomize(start);
  const auto evaluate = [&](std::size_t at, double value, std::vector<double>* gradients) {
    Encoder<double> encoder(options);
    encoder.parameters() = start.parameters();
    encoder.parameters()[at] = value;
    encoder.parameters_changed();
    const double loss = encoder.loss_and_gradients(batch);
    if (gradients) gradients->assign(encoder.gradients().begin(), encoder.gradients().end());
    return loss;
  };
  std::vector<double> gradients;
  evaluate(0, start.parameters()[0], &gradients);
  double largest = 0;
  for (const Parameter& part : start.layout().parts()) {
    for (std::size_t i = 0; i < part.size(); i += 3) {
      const std::size_t at = part.offset + i;
      const double value = start.parameters()[at], step = 1e-5;
      const double slope =
          (evaluate(at, value + step, nullptr) - evaluate(at, value - step, nullptr)) / (2 * step);
      ASSERT_NEAR(gradients[at], slope, 2e-9) << part.name << "[" << i << "]";
      largest = std::max(largest, std::abs(slope));
    }
  }
  EXPECT_GT(largest, 1e-2);
}

// What is kept is divided by the share that is kept, so the mean over masks differs from the
// function without by what its curvature makes of the spread alone: proportional to the rate.
TEST(Dropout, PreservesTheMeanButForCurvature) {
  constexpr int kSteps = 4000;
  constexpr double kRate = 0.01;
  Encoder<double> encoder(dropping(kRate)), without(tiny_encoder());
  const Batch batch = packed_batch();
  double sum = 0, squares = 0;
  for (int step = 0; step < kSteps; ++step) {
    const double loss = encoder.loss_and_gradients(batch);
    sum += loss;
    squares += loss * loss;
  }
  const double mean = sum / kSteps;
  const double error = std::sqrt((squares / kSteps - mean * mean) / kSteps);
  EXPECT_NEAR(mean, without.loss(batch), 4 * error + 0.3 * kRate);
}

}  // namespace
}  // namespace posbench
