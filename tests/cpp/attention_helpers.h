// Problems for the fused attention: made up, run in every type, and compared.
//
// With u = 2^-24 a sum of n products errs by at most about n·u times the sum of their magnitudes,
// and an error e of a score multiplies its weight by 1 + e. For numbers of about one, sequences of
// up to 70 and heads of up to 128 that is below 1e-5. A bf16 keeps 8 bits: its rounding, 2^-9
// relative, of inputs, weights, gradients of scores and results hides all else.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "guarded.h"
#include "kernel/attention.h"

namespace posbench {

// A batch with everything that attention and its gradient read. Where T is bf16, numbers are
// rounded to it, so that the f64 reference can read the very same.
struct Problem {
  std::vector<std::int32_t> offsets{0}, lengths;
  int hidden, heads;
  bool causal = false;
  bool with_bias = true, with_score_bias = false;
  long reach = 0;
  std::vector<double> qkv, qkv_bias, score_bias, dcontext;
  // Terms of scores, and the rows that are keys and values only; empty: none.
  std::vector<std::int32_t> cached;
  std::vector<double> by_place, keys, values, query_shift, relative_shift;
  double content_scale = 1.0;

  Problem(const std::vector<int>& rows, int head_count, int head_size)
      : hidden(head_count * head_size), heads(head_count) {
    for (const int n : rows) {
      offsets.push_back(offsets.back() + n);
      reach = std::max<long>(reach, n + 2);
    }
    qkv = normal(tokens() * 3 * width(), "qkv");
    qkv_bias = normal(3 * width(), "qkv bias");
    score_bias = normal(static_cast<std::size_t>(heads * (2 * reach - 1)), "score bias");
    dcontext = normal(tokens() * width(), "dcontext");
  }

  std::size_t tokens() const { return static_cast<std::size_t>(offsets.back()); }
  std::size_t width() const { return static_cast<std::size_t>(hidden); }
  AttentionShape shape() const { return {offsets, lengths, hidden, heads, causal, cached}; }

  void add_by_place() {
    by_place = normal(static_cast<std::size_t>(heads * reach * reach), "by place");
  }
  void add_keys(int keys_reach) { keys = relative(keys_reach, "keys"); }
  void add_values(int values_reach) { values = relative(values_reach, "values"); }
  void add_shifts() {
    query_shift = normal(width(), "query shift");
    relative_shift = normal(width(), "relative shift");
  }
  std::vector<double> relative(int relative_reach, std::string_view purpose) const {
    return normal(static_cast<std::size_t>(2 * relative_reach + 1) * width(), purpose);
  }
  long reach_of(const std::vector<double>& relative_vectors) const {
    return (static_cast<long>(relative_vectors.size()) / hidden - 1) / 2;
  }

  // Rounded to bf16: an f32 and a bf16 hold it exactly.
  static std::vector<double> normal(std::size_t n, std::string_view purpose) {
    Random random(3, purpose);
    std::vector<double> values(n);
    for (double& value : values) {
      value = static_cast<double>(to_float(to_bf16(static_cast<float>(0.7 * random.normal()))));
    }
    return values;
  }
};

inline double narrowed(double value, double) { return value; }
inline float narrowed(double value, float) { return static_cast<float>(value); }
inline Bf16 narrowed(double value, Bf16) { return to_bf16(static_cast<float>(value)); }
inline double widened(double value) { return value; }
inline double widened(float value) { return static_cast<double>(value); }
inline double widened(Bf16 value) { return static_cast<double>(to_float(value)); }

template <class T>
std::vector<T> narrow(const std::vector<double>& values) {
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = narrowed(values[i], T{});
  return result;
}

template <class T>
std::vector<double> widen(const std::vector<T>& values) {
  std::vector<double> result;
  for (const T value : values) result.push_back(widened(value));
  return result;
}

struct Result {
  std::vector<double> context, dqkv, dqkv_bias, dscore_bias;
  std::vector<double> dby_place, dkeys, dvalues, dquery_shift, drelative_shift;
};

// The terms of a problem and the room of their gradients, each of which ends where memory ends.
template <class Real>
struct GuardedTerms {
  explicit GuardedTerms(const Problem& problem)
      : by_distance(problem.with_score_bias ? problem.score_bias : std::vector<double>()),
        by_place(problem.by_place),
        keys(problem.keys),
        values(problem.values),
        query_shift(problem.query_shift),
        relative_shift(problem.relative_shift),
        terms{.by_distance = {by_distance.term(), problem.reach},
              .by_place = {by_place.term(), problem.reach},
              .keys = {keys.term(), problem.reach_of(problem.keys)},
              .values = {values.term(), problem.reach_of(problem.values)},
              .query_shift = query_shift.term(),
              .relative_shift = relative_shift.term(),
              .content_scale = static_cast<Real>(problem.content_scale)},
        dterms{.by_distance = by_distance.dterm(),
               .by_place = by_place.dterm(),
               .keys = keys.dterm(),
               .values = values.dterm(),
               .query_shift = query_shift.dterm(),
               .relative_shift = relative_shift.dterm()} {}

  struct Term {
    explicit Term(const std::vector<double>& numbers)
        : value(narrow<Real>(numbers)), gradient(numbers.size()) {}
    const Real* term() { return value.size() == 0 ? nullptr : value.data(); }
    Real* dterm() { return value.size() == 0 ? nullptr : gradient.data(); }
    Guarded<Real> value, gradient;
  };
  Term by_distance, by_place, keys, values, query_shift, relative_shift;
  ScoreTerms<Real> terms;
  ScoreTermGradients<Real> dterms;
};

// Forward and backward; every buffer ends where memory ends, and outputs start out as garbage.
template <class Stored, class Real>
Result run(const Problem& problem) {
  const AttentionShape shape = problem.shape();
  const double garbage = std::numeric_limits<double>::quiet_NaN();
  Guarded<Stored> qkv(narrow<Stored>(problem.qkv));
  Guarded<Real> bias(narrow<Real>(problem.qkv_bias));
  GuardedTerms<Real> score(problem);
  Guarded<Stored> dcontext(narrow<Stored>(problem.dcontext));
  Guarded<Real> scratch(
      narrow<Real>(std::vector<double>(attention_scratch(shape, score.terms), garbage)));
  Guarded<Stored> weights(narrow<Stored>(std::vector<double>(attention_weights(shape), garbage)));
  Guarded<Stored> context(
      narrow<Stored>(std::vector<double>(problem.tokens() * problem.width(), garbage)));
  Guarded<Stored> dqkv(narrow<Stored>(std::vector<double>(problem.qkv.size(), garbage)));
  Guarded<Real> dqkv_bias(problem.qkv_bias.size());

  const Real* biases = problem.with_bias ? bias.data() : nullptr;
  attention(shape, qkv.data(), biases, score.terms, scratch.data(), weights.data(), context.data());
  attention_backward(shape, qkv.data(), biases, score.terms, weights.data(), dcontext.data(),
                     scratch.data(), dqkv.data(), problem.with_bias ? dqkv_bias.data() : nullptr,
                     score.dterms);
  return {.context = widen(context.values()),
          .dqkv = widen(dqkv.values()),
          .dqkv_bias = widen(dqkv_bias.values()),
          .dscore_bias = widen(score.by_distance.gradient.values()),
          .dby_place = widen(score.by_place.gradient.values()),
          .dkeys = widen(score.keys.gradient.values()),
          .dvalues = widen(score.values.gradient.values()),
          .dquery_shift = widen(score.query_shift.gradient.values()),
          .drelative_shift = widen(score.relative_shift.gradient.values())};
}

inline Result run_f64(const Problem& problem) { return run<double, double>(problem); }

inline double largest(const std::vector<double>& values) {
  double top = 1;
  for (const double value : values) top = std::max(top, std::abs(value));
  return top;
}

inline void expect_close(const std::vector<double>& values, const std::vector<double>& expected,
                         double tolerance, const char* what) {
  ASSERT_EQ(values.size(), expected.size());
  const double bound = tolerance * largest(expected);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_LE(std::abs(values[i] - expected[i]), bound) << what << " at " << i;
  }
}

inline void expect_close(const Result& result, const Result& expected, double tolerance) {
  expect_close(result.context, expected.context, tolerance, "context");
  expect_close(result.dqkv, expected.dqkv, tolerance, "dqkv");
  expect_close(result.dqkv_bias, expected.dqkv_bias, tolerance, "dqkv_bias");
  expect_close(result.dscore_bias, expected.dscore_bias, tolerance, "dscore_bias");
  expect_close(result.dby_place, expected.dby_place, tolerance, "dby_place");
  expect_close(result.dkeys, expected.dkeys, tolerance, "dkeys");
  expect_close(result.dvalues, expected.dvalues, tolerance, "dvalues");
  expect_close(result.dquery_shift, expected.dquery_shift, tolerance, "dquery_shift");
  expect_close(result.drelative_shift, expected.drelative_shift, tolerance, "drelative_shift");
}

inline constexpr double kF32Tolerance = 1e-5;
inline constexpr double kBf16Tolerance = 2e-2;

template <class T>
std::vector<T> rows_of(const std::vector<T>& all, std::int32_t first, std::int32_t last,
                       std::size_t width) {
  return {all.begin() + first * static_cast<std::ptrdiff_t>(width),
          all.begin() + last * static_cast<std::ptrdiff_t>(width)};
}

// The gradient of Σ context · dcontext in `input`, which is part of the problem.
inline void expect_finite_differences(Problem& problem, std::vector<double>& input,
                                      const std::vector<double>& gradient) {
  const auto value = [&] {
    const Result now = run_f64(problem);
    return std::inner_product(now.context.begin(), now.context.end(), problem.dcontext.begin(),
                              0.0);
  };
  ASSERT_EQ(input.size(), gradient.size());
  for (std::size_t i = 0; i < input.size(); ++i) {
    constexpr double kStep = 1e-5;
    const double before = input[i];
    input[i] = before + kStep;
    const double above = value();
    input[i] = before - kStep;
    const double below = value();
    input[i] = before;
    ASSERT_NEAR((above - below) / (2 * kStep), gradient[i], 1e-8) << i;
  }
}

}  // namespace posbench
