// The f64 reference against a textbook formula and finite differences; f32 and bf16 against f64 on
// every instruction set; and the properties that the engine relies on.
#include "kernel/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "attention_helpers.h"
#include "base/error.h"
#include "every_target.h"

namespace posbench {
namespace {

using testing::Each;

// Equation 1 of Vaswani 2017 word by word, for one sequence.
std::vector<double> textbook(const Problem& p) {
  const std::size_t n = p.tokens(), d = p.width(), size = d / static_cast<std::size_t>(p.heads);
  std::vector<double> context(n * d);
  for (std::size_t h = 0; h < d / size; ++h) {
    const auto at = [&](std::size_t part, std::size_t i, std::size_t c) {
      const std::size_t column = part * d + h * size + c;
      return p.qkv[i * 3 * d + column] + p.qkv_bias[column];
    };
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < (p.causal ? i + 1 : n); ++j) {
        double score = 0;
        for (std::size_t c = 0; c < size; ++c) score += at(0, i, c) * at(1, j, c);
        score /= std::sqrt(static_cast<double>(size));
        const auto reach = static_cast<std::size_t>(p.reach);
        if (p.with_score_bias) score += p.score_bias[h * (2 * reach - 1) + reach - 1 + j - i];
        sum += std::exp(score);
        for (std::size_t c = 0; c < size; ++c) {
          context[i * d + h * size + c] += std::exp(score) * at(2, j, c);
        }
      }
      for (std::size_t c = 0; c < size; ++c) context[i * d + h * size + c] /= sum;
    }
  }
  return context;
}

TEST(Attention, ReferenceIsTheTextbookFormula) {
  for (const bool causal : {false, true}) {
    for (const bool score_bias : {false, true}) {
      Problem problem({7}, 3, 5);
      problem.causal = causal;
      problem.with_score_bias = score_bias;
      expect_close(run_f64(problem).context, textbook(problem), 1e-14, "context");
    }
  }
}

TEST(Attention, ReferenceGradientsAreFiniteDifferences) {
  for (const bool causal : {false, true}) {
    Problem problem({5, 1, 6}, 2, 3);
    problem.causal = causal;
    problem.with_score_bias = true;
    problem.lengths = {5, 1, 4};
    const Result result = run_f64(problem);
    expect_finite_differences(problem, problem.qkv, result.dqkv);
    expect_finite_differences(problem, problem.qkv_bias, result.dqkv_bias);
    expect_finite_differences(problem, problem.score_bias, result.dscore_bias);
  }
}

void expect_all_types_close(const Problem& problem) {
  SCOPED_TRACE(testing::Message() << "rows " << problem.tokens() << " in "
                                  << problem.offsets.size() - 1 << ", d " << problem.hidden
                                  << ", heads " << problem.heads << ", causal " << problem.causal
                                  << ", bias " << problem.with_bias << ", score bias "
                                  << problem.with_score_bias);
  const Result expected = run_f64(problem);
  on_every_target([&] {
    expect_close(run<float, float>(problem), expected, kF32Tolerance);
    expect_close(run<Bf16, float>(problem), expected, kBf16Tolerance);
  });
}

TEST(Attention, EveryLengthAgreesWithTheReference) {
  std::vector<int> lengths(70);
  std::iota(lengths.begin(), lengths.end(), 1);
  expect_all_types_close(Problem(lengths, 1, 32));
}

TEST(Attention, EveryHeadSizeMaskAndBiasAgreesWithTheReference) {
  for (const int size : {1, 4, 5, 16, 17, 32, 48, 64, 80, 96, 128}) {
    for (const bool causal : {false, true}) {
      for (const bool score_bias : {false, true}) {
        Problem problem({18, 1, 33, 7}, 2, size);
        problem.causal = causal;
        problem.with_score_bias = score_bias;
        problem.with_bias = score_bias;
        if (!causal) problem.lengths = {17, 1, 20, 0};
        expect_all_types_close(problem);
      }
    }
  }
}

// Longer than a block of backward, whose shares of the keys' gradients are then added up.
TEST(Attention, LongSequencesAgreeWithTheReference) {
  for (const bool causal : {false, true}) {
    Problem problem({145, 300}, 1, 32);
    problem.causal = causal;
    problem.with_score_bias = true;
    expect_all_types_close(problem);
  }
}

// The sequence s of a batch as a batch of its own.
Problem alone(const Problem& batch, std::size_t s) {
  const std::int32_t first = batch.offsets[s], last = batch.offsets[s + 1];
  Problem one = batch;
  one.offsets = {0, last - first};
  if (!batch.lengths.empty()) one.lengths = {batch.lengths[s]};
  one.qkv = rows_of(batch.qkv, first, last, 3 * batch.width());
  one.dcontext = rows_of(batch.dcontext, first, last, batch.width());
  return one;
}

template <class Stored>
void expect_batch_does_not_matter() {
  Problem problem({18, 60, 5, 150}, 2, 32);
  problem.with_score_bias = true;
  const Result whole = run<Stored, float>(problem);
  for (std::size_t s = 0; s + 1 < problem.offsets.size(); ++s) {
    const Result one = run<Stored, float>(alone(problem, s));
    const std::int32_t first = problem.offsets[s], last = problem.offsets[s + 1];
    EXPECT_EQ(one.context, rows_of(whole.context, first, last, problem.width()));
    EXPECT_EQ(one.dqkv, rows_of(whole.dqkv, first, last, 3 * problem.width()));
  }
}

TEST(Attention, ASequenceDoesNotDependOnItsBatchToTheBit) {
  on_every_target([] {
    expect_batch_does_not_matter<float>();
    expect_batch_does_not_matter<Bf16>();
  });
}

// Padding may hold anything, a NaN too: rows of padding get 0, the others what they get without it.
TEST(Attention, PaddingChangesNothing) {
  on_every_target([] {
    Problem padded({20, 20, 20}, 2, 32);
    padded.lengths = {20, 3, 17};
    padded.with_score_bias = true;
    Problem packed = padded;
    packed.lengths.clear();
    packed.offsets = {0};
    packed.qkv.clear();
    packed.dcontext.clear();
    const std::size_t d = padded.width();
    const auto append = [](std::vector<double>& to, const std::vector<double>& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    for (std::size_t s = 0; s < 3; ++s) {
      const std::int32_t first = padded.offsets[s], end = first + padded.lengths[s];
      packed.offsets.push_back(packed.offsets.back() + padded.lengths[s]);
      append(packed.qkv, rows_of(padded.qkv, first, end, 3 * d));
      append(packed.dcontext, rows_of(padded.dcontext, first, end, d));
      for (auto row = static_cast<std::size_t>(end); row < 20 * (s + 1); ++row) {
        std::fill_n(padded.qkv.begin() + static_cast<std::ptrdiff_t>(row * 3 * d), 3 * d, NAN);
        std::fill_n(padded.dcontext.begin() + static_cast<std::ptrdiff_t>(row * d), d, NAN);
      }
    }
    const Result with = run<float, float>(padded);
    const Result without = run<float, float>(packed);
    EXPECT_EQ(with.dqkv_bias, without.dqkv_bias);
    EXPECT_EQ(with.dscore_bias, without.dscore_bias);
    for (std::size_t s = 0; s < 3; ++s) {
      const std::int32_t first = padded.offsets[s], end = first + padded.lengths[s];
      const std::int32_t from = packed.offsets[s], to = packed.offsets[s + 1];
      EXPECT_EQ(rows_of(with.context, first, end, d), rows_of(without.context, from, to, d));
      EXPECT_EQ(rows_of(with.dqkv, first, end, 3 * d), rows_of(without.dqkv, from, to, 3 * d));
      EXPECT_THAT(rows_of(with.context, end, padded.offsets[s + 1], d), Each(0.0));
      EXPECT_THAT(rows_of(with.dqkv, end, padded.offsets[s + 1], 3 * d), Each(0.0));
    }
  });
}

template <class Stored>
void expect_nan_stays() {
  Problem problem({18, 18, 18}, 2, 32);
  const std::size_t d = problem.width();
  const Result sound = run<Stored, float>(problem);
  for (std::size_t part = 0; part < 3; ++part) {
    Problem broken = problem;
    broken.qkv[(18 + 4) * 3 * d + part * d + 40] = NAN;  // row 4 of sequence 1, head 1
    const Result result = run<Stored, float>(broken);
    EXPECT_TRUE(std::isnan(result.context[(18 + 4) * d + 40])) << part;
    EXPECT_TRUE(std::isnan(result.dqkv[(18 + 4) * 3 * d + 40])) << part;
    for (const int row : {0, 36}) {
      EXPECT_EQ(rows_of(result.context, row, row + 18, d),
                rows_of(sound.context, row, row + 18, d));
      EXPECT_EQ(rows_of(result.dqkv, row, row + 18, 3 * d),
                rows_of(sound.dqkv, row, row + 18, 3 * d));
    }
  }
}

TEST(Attention, ANaNIsSeenAndStaysInItsSequence) {
  on_every_target([] {
    expect_nan_stays<float>();
    expect_nan_stays<Bf16>();
  });
}

// A key whose score bias is −∞ has no part in anything, to the bit; a query without any key is a
// NaN, as 0/0 is.
TEST(Attention, MinusInfinityHidesAKey) {
  on_every_target([] {
    Problem later({12}, 1, 16), causal = later;
    later.with_score_bias = causal.with_score_bias = true;
    causal.causal = true;
    for (long distance = 1; distance < later.reach; ++distance) {
      later.score_bias[static_cast<std::size_t>(later.reach - 1 + distance)] = -INFINITY;
    }
    EXPECT_EQ((run<float, float>(later).context), (run<float, float>(causal).context));
    EXPECT_EQ((run<Bf16, float>(later).context), (run<Bf16, float>(causal).context));
    std::fill(later.score_bias.begin(), later.score_bias.end(), -INFINITY);
    EXPECT_TRUE(std::isnan(run<float, float>(later).context[0]));
  });
}

// Scores far apart must neither overflow nor lose the sum.
TEST(Attention, LargeScoresAreFinite) {
  Problem problem({30}, 1, 32);
  for (double& value : problem.qkv) value *= 30;
  const Result expected = run_f64(problem);
  on_every_target([&] {
    // Scores reach thousands, and their rounding is relative to that.
    expect_close(run<float, float>(problem).context, expected.context, 2e-3, "context");
  });
}

template <class Stored>
void expect_inference_says_the_same() {
  const Problem problem({18, 41}, 2, 32);
  const auto qkv = narrow<Stored>(problem.qkv);
  const auto bias = narrow<float>(problem.qkv_bias);
  std::vector<float> scratch(attention_scratch(problem.shape(), ScoreTerms<float>{}));
  std::vector<Stored> context(problem.tokens() * problem.width());
  attention(problem.shape(), qkv.data(), bias.data(), ScoreTerms<float>{}, scratch.data(),
            static_cast<Stored*>(nullptr), context.data());
  EXPECT_EQ(widen(context), (run<Stored, float>(problem).context));
}

TEST(Attention, InferenceKeepsNothingAndSaysTheSame) {
  on_every_target([] {
    expect_inference_says_the_same<float>();
    expect_inference_says_the_same<Bf16>();
  });
}

// Gradients of shared numbers are added to what is there.
TEST(Attention, GradientsOfBiasesAreAdded) {
  Problem problem({9}, 1, 16);
  const auto qkv = narrow<float>(problem.qkv), dcontext = narrow<float>(problem.dcontext);
  const auto bias = narrow<float>(problem.qkv_bias);
  const auto score_bias = narrow<float>(problem.score_bias);
  ScoreTerms<float> score;
  score.by_distance = {score_bias.data(), problem.reach};
  std::vector<float> scratch(attention_scratch(problem.shape(), ScoreTerms<float>{}));
  std::vector<float> weights(attention_weights(problem.shape()));
  std::vector<float> context(9 * 16), dqkv(9 * 48), dbias(48), dscore(score_bias.size());
  attention(problem.shape(), qkv.data(), bias.data(), score, scratch.data(), weights.data(),
            context.data());
  const auto backward = [&] {
    attention_backward(problem.shape(), qkv.data(), bias.data(), score, weights.data(),
                       dcontext.data(), scratch.data(), dqkv.data(), dbias.data(),
                       {.by_distance = dscore.data()});
  };
  backward();
  const auto once = dbias, score_once = dscore;
  backward();
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_EQ(dbias[i], 2 * once[i]);
  for (std::size_t i = 0; i < dscore.size(); ++i) EXPECT_EQ(dscore[i], 2 * score_once[i]);
}

TEST(Attention, ImpossibleShapesAreRefused) {
  Problem problem({9}, 2, 8);
  std::vector<double> scratch(attention_scratch(problem.shape(), ScoreTerms<double>{})),
      context(9 * 16);
  const auto call = [&](const AttentionShape& shape, const ScoreBias<double>& bias) {
    ScoreTerms<double> terms;
    terms.by_distance = bias;
    attention(shape, problem.qkv.data(), nullptr, terms, scratch.data(),
              static_cast<double*>(nullptr), context.data());
  };
  AttentionShape three_heads = problem.shape();
  three_heads.heads = 3;
  EXPECT_THROW(call(three_heads, {}), UserError);
  EXPECT_THROW(call(problem.shape(), {problem.score_bias.data(), 8}), UserError);
  EXPECT_NO_THROW(call(problem.shape(), {problem.score_bias.data(), 9}));
}

}  // namespace
}  // namespace posbench
