// What an encoding adds inside attention: the f64 reference against theorems and finite
// differences; f32 and bf16 against f64 on every instruction set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "attention_helpers.h"
#include "base/error.h"
#include "every_target.h"

namespace posbench {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::ThrowsMessage;

// What an encoding of the literature adds; reach `clip` is shorter than most sequences, `full`
// longer than all.
struct Case {
  const char* name;
  std::function<void(Problem&, int clip, int full)> add;
};
const std::vector<Case> kCases{
    {"by place", [](Problem& p, int, int) { p.add_by_place(); }},
    {"a smaller scale and by place",
     [](Problem& p, int, int) {
       p.content_scale = 0.75;
       p.add_by_place();
     }},
    {"a smaller scale alone", [](Problem& p, int, int) { p.content_scale = 0.75; }},
    {"by place and by distance",
     [](Problem& p, int, int) {
       p.add_by_place();
       p.with_score_bias = true;
     }},
    {"clipped keys", [](Problem& p, int clip, int) { p.add_keys(clip); }},
    {"all keys", [](Problem& p, int, int full) { p.add_keys(full); }},
    {"clipped values", [](Problem& p, int clip, int) { p.add_values(clip); }},
    {"all values", [](Problem& p, int, int full) { p.add_values(full); }},
    {"keys and values of one vector",
     [](Problem& p, int, int) {
       p.add_keys(0);
       p.add_values(0);
     }},
    {"all keys and shifts",
     [](Problem& p, int, int full) {
       p.add_keys(full);
       p.add_shifts();
     }},
    {"a shift by key alone",
     [](Problem& p, int clip, int) {
       p.add_keys(clip);
       p.query_shift = Problem::normal(p.width(), "query shift");
     }},
    {"everything",
     [](Problem& p, int clip, int full) {
       p.add_by_place();
       p.with_score_bias = true;
       p.add_keys(full);
       p.add_values(clip);
       p.add_shifts();
       p.content_scale = 1.5;
     }},
};

TEST(ScoreTerms, ReferenceGradientsAreFiniteDifferences) {
  for (const bool causal : {false, true}) {
    for (const int keys_reach : {2, 9}) {
      Problem problem({5, 1, 6}, 2, 3);
      problem.causal = causal;
      problem.lengths = {5, 1, 4};
      problem.cached = {2, 0, 1};
      problem.add_by_place();
      problem.with_score_bias = true;
      problem.add_keys(keys_reach);
      problem.add_values(1);
      problem.add_shifts();
      problem.content_scale = 1.5;
      const Result result = run_f64(problem);
      expect_finite_differences(problem, problem.qkv, result.dqkv);
      expect_finite_differences(problem, problem.qkv_bias, result.dqkv_bias);
      expect_finite_differences(problem, problem.score_bias, result.dscore_bias);
      expect_finite_differences(problem, problem.by_place, result.dby_place);
      expect_finite_differences(problem, problem.keys, result.dkeys);
      expect_finite_differences(problem, problem.values, result.dvalues);
      expect_finite_differences(problem, problem.query_shift, result.dquery_shift);
      expect_finite_differences(problem, problem.relative_shift, result.drelative_shift);
    }
  }
}

void expect_all_types_close(const Problem& problem, const char* name) {
  SCOPED_TRACE(testing::Message() << name << ", head size " << problem.hidden / problem.heads
                                  << ", causal " << problem.causal << ", cached "
                                  << !problem.cached.empty());
  const Result expected = run_f64(problem);
  on_every_target([&] {
    expect_close(run<float, float>(problem), expected, kF32Tolerance);
    expect_close(run<Bf16, float>(problem), expected, kBf16Tolerance);
  });
}

TEST(ScoreTerms, EveryTermSizeAndMaskAgreesWithTheReference) {
  for (const Case& terms : kCases) {
    for (const int size : {5, 32, 64}) {
      for (const bool causal : {false, true}) {
        for (const bool cached : {false, true}) {
          Problem problem({18, 1, 33, 7, 70}, 2, size);
          problem.causal = causal;
          problem.with_bias = !causal;
          if (!causal) problem.lengths = {17, 1, 20, 0, 70};
          if (cached) problem.cached = {5, 0, 11, 7, 34};
          terms.add(problem, 4, 80);
          expect_all_types_close(problem, terms.name);
        }
      }
    }
  }
}

// Every reach meets every place in a tile and a vector; the last clips nothing.
TEST(ScoreTerms, EveryReachAgreesWithTheReference) {
  for (int reach = 0; reach < 42; ++reach) {
    for (const bool causal : {false, true}) {
      Problem problem({40}, 1, 16);
      problem.causal = causal;
      problem.add_keys(reach);
      problem.add_values(reach);
      expect_all_types_close(problem, "reach");
    }
  }
}

// Longer than a block of backward.
TEST(ScoreTerms, LongSequencesAgreeWithTheReference) {
  for (const Case& terms : kCases) {
    for (const bool causal : {false, true}) {
      Problem problem({145, 300}, 1, 16);
      problem.causal = causal;
      problem.cached = {0, 97};
      terms.add(problem, 16, 299);
      expect_all_types_close(problem, terms.name);
    }
  }
}

// Column c of row i of Q (part 0), K (1) or V (2) in all rows becomes 0.
void clear_part(Problem& problem, std::size_t part) {
  for (std::size_t i = 0; i < problem.tokens(); ++i) {
    std::fill_n(problem.qkv.begin() + static_cast<std::ptrdiff_t>((3 * i + part) * problem.width()),
                problem.width(), 0.0);
  }
}

// Transformer-XL's term (d) alone: without queries only v · R by distance is left.
TEST(ScoreTerms, RelativeKeysOfAConstantQueryAreAScoreBias) {
  Problem relative({23, 9}, 2, 8);
  relative.with_bias = false;
  clear_part(relative, 0);
  const int reach = static_cast<int>(relative.reach) - 1;
  Problem biased = relative;
  biased.with_score_bias = true;
  relative.add_keys(reach);
  relative.relative_shift = Problem::normal(relative.width(), "relative shift");
  for (std::size_t h = 0; h < 2; ++h) {
    for (std::size_t row = 0; row < 2 * static_cast<std::size_t>(reach) + 1; ++row) {
      double sum = 0;
      for (std::size_t c = 8 * h; c < 8 * (h + 1); ++c) {
        sum += relative.relative_shift[c] * relative.keys[row * 16 + c];
      }
      biased.score_bias[h * (2 * static_cast<std::size_t>(reach) + 1) + row] = sum / std::sqrt(8.0);
    }
  }
  for (const bool causal : {false, true}) {
    relative.causal = biased.causal = causal;
    expect_close(run_f64(relative).context, run_f64(biased).context, 1e-14, "context");
  }
}

TEST(ScoreTerms, ABiasByPlaceThatGoesByDistanceIsOneByDistance) {
  Problem by_distance({23, 9}, 2, 8);
  by_distance.with_score_bias = true;
  Problem by_place = by_distance;
  by_place.with_score_bias = false;
  by_place.add_by_place();
  const auto reach = static_cast<std::size_t>(by_place.reach);
  for (std::size_t h = 0; h < 2; ++h) {
    for (std::size_t i = 0; i < reach; ++i) {
      for (std::size_t j = 0; j < reach; ++j) {
        by_place.by_place[(h * reach + i) * reach + j] =
            by_place.score_bias[h * (2 * reach - 1) + reach - 1 + j - i];
      }
    }
  }
  expect_close(run_f64(by_place).context, run_f64(by_distance).context, 1e-14, "context");
}

// All rows of relative vectors become the first.
void repeat_first_row(std::vector<double>& rows, std::size_t width) {
  for (std::size_t i = width; i < rows.size(); ++i) rows[i] = rows[i - width];
}

// A vector that no distance tells apart adds a constant to each row of scores, which softmax does
// not see, and itself to each context, as weights sum to 1.
TEST(ScoreTerms, EqualRelativeVectorsAreNoPositions) {
  for (const bool causal : {false, true}) {
    Problem plain({23, 9}, 2, 8);
    plain.causal = causal;
    Problem relative = plain;
    relative.add_keys(5);
    relative.add_values(5);
    repeat_first_row(relative.keys, 16);
    repeat_first_row(relative.values, 16);
    std::vector<double> expected = run_f64(plain).context;
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += relative.values[i % 16];
    expect_close(run_f64(relative).context, expected, 1e-14, "context");
  }
}

// Without queries all weights of a row are equal, and the context is a mean that can be told by
// hand: key j counts as distance clip(j − i), later keys being positive distances.
TEST(ScoreTerms, RelativeValuesAreMeansByClippedDistance) {
  Problem problem({5}, 1, 1);
  problem.with_bias = false;
  clear_part(problem, 0);
  clear_part(problem, 2);
  problem.values = {1, 10, 100, 1000, 10000};  // distances −2 … 2
  const std::vector<double> expected{(100 + 1000 + 3 * 10000) / 5.0,
                                     (10 + 100 + 1000 + 2 * 10000) / 5.0,
                                     (1 + 10 + 100 + 1000 + 10000) / 5.0,
                                     (2 * 1 + 10 + 100 + 1000) / 5.0, (3 * 1 + 10 + 100) / 5.0};
  expect_close(run_f64(problem).context, expected, 1e-14, "context");
  problem.causal = true;
  const std::vector<double> earlier{100, (10 + 100) / 2.0, (1 + 10 + 100) / 3.0,
                                    (2 * 1 + 10 + 100) / 4.0, (3 * 1 + 10 + 100) / 5.0};
  expect_close(run_f64(problem).context, earlier, 1e-14, "context");
}

// The ends of a clipped reach stand for all distances behind them, and get the sum of their
// gradients.
TEST(ScoreTerms, AClippedReachRepeatsItsEnds) {
  constexpr std::size_t kClip = 3, kFull = 25, kWidth = 16;
  Problem clipped({23, 9}, 2, 8);
  clipped.add_keys(kClip);
  clipped.add_values(kClip);
  Problem full = clipped;
  const auto source = [](std::size_t row) {
    return std::min(row - std::min(row, kFull - kClip), 2 * kClip);
  };
  const auto repeated = [&](const std::vector<double>& from) {
    std::vector<double> to((2 * kFull + 1) * kWidth);
    for (std::size_t i = 0; i < to.size(); ++i)
      to[i] = from[source(i / kWidth) * kWidth + i % kWidth];
    return to;
  };
  full.keys = repeated(clipped.keys);
  full.values = repeated(clipped.values);
  const auto summed = [&](const std::vector<double>& from) {
    std::vector<double> to((2 * kClip + 1) * kWidth);
    for (std::size_t i = 0; i < from.size(); ++i)
      to[source(i / kWidth) * kWidth + i % kWidth] += from[i];
    return to;
  };
  on_every_target([&] {
    const Result few = run<float, float>(clipped), many = run<float, float>(full);
    expect_close(few.context, many.context, kF32Tolerance, "context");
    expect_close(few.dqkv, many.dqkv, kF32Tolerance, "dqkv");
    expect_close(few.dkeys, summed(many.dkeys), kF32Tolerance, "dkeys");
    expect_close(few.dvalues, summed(many.dvalues), kF32Tolerance, "dvalues");
  });
}

// Equal shifts by key and by distance are one bias of the queries.
TEST(ScoreTerms, EqualShiftsAreABiasOfTheQueries) {
  Problem shifted({23, 9}, 2, 8);
  shifted.add_keys(5);
  Problem biased = shifted;
  shifted.query_shift = shifted.relative_shift = Problem::normal(16, "shift");
  for (std::size_t c = 0; c < 16; ++c) biased.qkv_bias[c] += shifted.query_shift[c];
  expect_close(run_f64(shifted).context, run_f64(biased).context, 1e-14, "context");
}

template <class T>
std::vector<T> slice(const std::vector<T>& all, std::size_t first, std::size_t count) {
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

// Where no key farther back than the window counts, a row hears of its place only through
// distances: rows that move along with their neighbours keep their context.
TEST(ScoreTerms, RelativeTermsDoNotSeeAbsolutePlaces) {
  constexpr std::size_t kWindow = 6, kMove = 5, kRows = 40;
  Problem problem({kRows, kRows}, 2, 16);
  problem.causal = problem.with_score_bias = true;
  problem.add_keys(4);
  problem.add_values(50);
  problem.add_shifts();
  for (std::size_t i = 0; i < problem.score_bias.size(); ++i) {
    const auto distances = 2 * static_cast<std::size_t>(problem.reach) - 1;
    if (i % distances + kWindow < static_cast<std::size_t>(problem.reach)) {
      problem.score_bias[i] = -INFINITY;
    }
  }
  const std::size_t d = problem.width(), row = 3 * d;
  std::copy_n(problem.qkv.begin(), (kRows - kMove) * row,
              problem.qkv.begin() + static_cast<std::ptrdiff_t>((kRows + kMove) * row));
  on_every_target([&] {
    const std::vector<double> context = run<float, float>(problem).context;
    const std::size_t rows = kRows - kMove - kWindow;
    expect_close(slice(context, (kRows + kMove + kWindow) * d, rows * d),
                 slice(context, kWindow * d, rows * d), kF32Tolerance, "context");
  });
}

// A cached row is a row whose query nobody asked for.
TEST(ScoreTerms, CachedRowsAreKeysAndValuesOnly) {
  for (const Case& terms : kCases) {
    SCOPED_TRACE(terms.name);
    for (const bool causal : {false, true}) {
      Problem whole({40, 19}, 2, 16);
      whole.causal = causal;
      whole.add_shifts();
      terms.add(whole, 4, 50);
      const std::size_t d = whole.width();
      Problem cached = whole;
      cached.cached = {15, 19};
      const auto is_cached = [](std::size_t row) { return row < 15 || row >= 40; };
      for (std::size_t row = 0; row < 59; ++row) {
        if (!is_cached(row)) continue;
        const auto at = static_cast<std::ptrdiff_t>(row * d);
        std::fill_n(whole.dcontext.begin() + at, d, 0.0);
        std::fill_n(cached.dcontext.begin() + at, d, NAN);
      }
      on_every_target([&] {
        const Result all = run<float, float>(whole), some = run<float, float>(cached);
        for (std::size_t row = 0; row < 59; ++row) {
          const auto context = slice(some.context, row * d, d);
          if (is_cached(row)) {
            EXPECT_THAT(context, Each(0.0));
            EXPECT_THAT(slice(some.dqkv, 3 * row * d, d), Each(0.0));
          } else {
            expect_close(context, slice(all.context, row * d, d), kF32Tolerance, "context");
          }
        }
        Result gradients = some;
        gradients.context = all.context;
        expect_close(gradients, all, kF32Tolerance);
      });
    }
  }
}

// Neither a neighbour's numbers nor its NaN reach another sequence through scratch.
template <class Stored>
void expect_sequences_are_apart(Problem problem) {
  const std::size_t d = problem.width();
  const Result sound = run<Stored, float>(problem);
  problem.qkv[(18 + 4) * 3 * d + 3] = NAN;
  const Result broken = run<Stored, float>(problem);
  EXPECT_TRUE(std::isnan(broken.context[(18 + 4) * d + 3]));
  for (const std::size_t first : {std::size_t{0}, std::size_t{38}}) {
    EXPECT_EQ(slice(broken.context, first * d, 18 * d), slice(sound.context, first * d, 18 * d));
    EXPECT_EQ(slice(broken.dqkv, 3 * first * d, 54 * d), slice(sound.dqkv, 3 * first * d, 54 * d));
  }
  problem.offsets = {0, 18};
  problem.qkv = slice(problem.qkv, 38 * 3 * d, 54 * d);
  problem.dcontext = slice(problem.dcontext, 38 * d, 18 * d);
  const Result alone = run<Stored, float>(problem);
  EXPECT_EQ(alone.context, slice(sound.context, 38 * d, 18 * d));
  EXPECT_EQ(alone.dqkv, slice(sound.dqkv, 3 * 38 * d, 54 * d));
}

TEST(ScoreTerms, ASequenceDoesNotDependOnItsBatchToTheBit) {
  for (const Case& terms : kCases) {
    SCOPED_TRACE(terms.name);
    for (const bool causal : {false, true}) {
      Problem problem({18, 20, 18}, 1, 16);
      problem.causal = causal;
      terms.add(problem, 4, 30);
      on_every_target([&] {
        expect_sequences_are_apart<float>(problem);
        expect_sequences_are_apart<Bf16>(problem);
      });
    }
  }
}

template <class Real>
void expect_gradients_add_up(const Problem& problem) {
  GuardedTerms<Real> score(problem);
  const auto qkv = narrow<Real>(problem.qkv), dcontext = narrow<Real>(problem.dcontext);
  std::vector<Real> scratch(attention_scratch(problem.shape(), score.terms));
  std::vector<Real> weights(attention_weights(problem.shape()));
  std::vector<Real> context(dcontext.size()), dqkv(qkv.size());
  attention(problem.shape(), qkv.data(), nullptr, score.terms, scratch.data(), weights.data(),
            context.data());
  const auto backward = [&] {
    attention_backward(problem.shape(), qkv.data(), nullptr, score.terms, weights.data(),
                       dcontext.data(), scratch.data(), dqkv.data(), nullptr, score.dterms);
  };
  backward();
  const auto gradients = [&] {
    std::vector<std::vector<double>> all;
    for (auto* term : {&score.by_distance, &score.by_place, &score.keys, &score.values,
                       &score.query_shift, &score.relative_shift}) {
      all.push_back(widen(term->gradient.values()));
    }
    return all;
  };
  const auto once = gradients();
  backward();
  const auto twice = gradients();
  for (std::size_t term = 0; term < once.size(); ++term) {
    EXPECT_GT(largest(once[term]), 0);
    for (std::size_t i = 0; i < once[term].size(); ++i) {
      EXPECT_NEAR(twice[term][i], 2 * once[term][i], 1e-5) << term << " at " << i;
    }
  }
}

TEST(ScoreTerms, GradientsAreAdded) {
  Problem problem({19, 7}, 2, 16);
  kCases.back().add(problem, 4, 30);
  expect_gradients_add_up<double>(problem);
  on_every_target([&] { expect_gradients_add_up<float>(problem); });
}

TEST(ScoreTerms, AReachThatIsTooShortIsRefusedByName) {
  Problem problem({9}, 1, 2);
  std::vector<double> context(18);
  const auto call = [&](const ScoreTerms<double>& terms) {
    std::vector<double> scratch(attention_scratch(problem.shape(), ScoreTerms<double>{}));
    attention(problem.shape(), problem.qkv.data(), nullptr, terms, scratch.data(),
              static_cast<double*>(nullptr), context.data());
  };
  const std::vector<double> values(200);
  const auto refusal = [](const char* words) { return ThrowsMessage<UserError>(HasSubstr(words)); };
  EXPECT_THAT(
      [&] {
        call({.by_distance = {values.data(), 8}});
      },
      refusal("score bias by distance"));
  EXPECT_THAT([&] { call({.by_place = {values.data(), 8}}); }, refusal("score bias by place"));
  EXPECT_THAT([&] { call({.keys = {values.data(), -1}}); }, refusal("relative keys"));
  EXPECT_THAT([&] { call({.values = {values.data(), -1}}); }, refusal("relative values"));
  EXPECT_NO_THROW(call({.by_place = {values.data(), 9}}));
  EXPECT_NO_THROW(call({.keys = {values.data(), 0}}));
}

}  // namespace
}  // namespace posbench
