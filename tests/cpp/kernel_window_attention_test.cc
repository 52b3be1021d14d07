// The f64 reference against a masked softmax over all pairs and finite differences; f32 and bf16
// against f64 on every instruction set; full attention as the limit of a wide window; and the
// properties that callers rely on. Tolerances are those of kernel_attention_test.cc.
#include "kernel/window_attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <climits>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "every_target.h"
#include "guarded.h"
#include "kernel/attention.h"

namespace posbench {
namespace {

using testing::Each;
using testing::HasSubstr;

using Numbers = std::vector<double>;

// A batch with everything that attention and its gradient read, rounded to bf16, so that every type
// reads the very same numbers.
struct Problem {
  std::vector<std::int32_t> offsets{0}, lengths;
  int hidden, heads, window, globals;
  bool with_bias = true, own_globals = true;
  Numbers qkv, qkv_bias, global_qkv, global_bias, dcontext;

  Problem(const std::vector<int>& rows, int head_count, int head_size, int window_, int globals_)
      : hidden(head_count * head_size), heads(head_count), window(window_), globals(globals_) {
    for (const int n : rows) offsets.push_back(offsets.back() + n);
    qkv = normal(tokens() * 3 * width(), "qkv");
    qkv_bias = normal(3 * width(), "qkv bias");
    global_qkv = normal(tokens() * 3 * width(), "global qkv");
    global_bias = normal(3 * width(), "global bias");
    dcontext = normal(tokens() * width(), "dcontext");
  }

  std::size_t tokens() const { return static_cast<std::size_t>(offsets.back()); }
  std::size_t width() const { return static_cast<std::size_t>(hidden); }
  WindowShape shape() const { return {offsets, lengths, hidden, heads, window, globals}; }

  static Numbers normal(std::size_t n, std::string_view purpose) {
    Random random(3, purpose);
    Numbers values(n);
    for (double& value : values) {
      value = static_cast<double>(to_float(to_bf16(static_cast<float>(0.7 * random.normal()))));
    }
    return values;
  }
};

std::ostream& operator<<(std::ostream& out, const Problem& p) {
  return out << "rows " << p.tokens() << " in " << p.offsets.size() - 1 << ", d " << p.hidden
             << ", heads " << p.heads << ", window " << p.window << ", globals " << p.globals
             << ", bias " << p.with_bias << ", own projections " << p.own_globals;
}

double narrowed(double value, double) { return value; }
float narrowed(double value, float) { return static_cast<float>(value); }
Bf16 narrowed(double value, Bf16) { return to_bf16(static_cast<float>(value)); }
double widened(double value) { return value; }
double widened(float value) { return static_cast<double>(value); }
double widened(Bf16 value) { return static_cast<double>(to_float(value)); }

template <class T>
std::vector<T> narrow(const Numbers& values) {
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = narrowed(values[i], T{});
  return result;
}

template <class T>
Numbers widen(const std::vector<T>& values) {
  Numbers result;
  for (const T value : values) result.push_back(widened(value));
  return result;
}

template <class T>
std::vector<T> garbage(std::size_t n) {
  return narrow<T>(Numbers(n, std::numeric_limits<double>::quiet_NaN()));
}

struct Result {
  Numbers context, dqkv, dqkv_bias, dglobal_qkv, dglobal_bias;
};

// Forward and backward; every buffer ends where memory ends, and outputs start out as garbage.
template <class Stored, class Real>
Result run(const Problem& problem) {
  const WindowShape shape = problem.shape();
  const std::size_t d = problem.width();
  Guarded<Stored> qkv(narrow<Stored>(problem.qkv));
  Guarded<Stored> global_qkv(narrow<Stored>(problem.global_qkv));
  Guarded<Real> bias(narrow<Real>(problem.qkv_bias));
  Guarded<Real> global_bias(narrow<Real>(problem.global_bias));
  Guarded<Stored> dcontext(narrow<Stored>(problem.dcontext));
  Guarded<Real> scratch(garbage<Real>(window_attention_scratch(shape)));
  Guarded<Stored> weights(garbage<Stored>(window_attention_weights(shape)));
  Guarded<Stored> context(garbage<Stored>(problem.tokens() * d));
  Guarded<Stored> dqkv(garbage<Stored>(problem.qkv.size()));
  Guarded<Stored> dglobal_qkv(garbage<Stored>(problem.qkv.size()));
  Guarded<Real> dbias(3 * d), dglobal_bias(3 * d);

  const auto if_biased = [&](Guarded<Real>& numbers) {
    return problem.with_bias ? numbers.data() : nullptr;
  };
  const auto if_own = [&](Guarded<Stored>& numbers) {
    return problem.own_globals ? numbers.data() : nullptr;
  };
  window_attention(shape, qkv.data(), if_biased(bias), if_own(global_qkv), if_biased(global_bias),
                   scratch.data(), weights.data(), context.data());
  window_attention_backward(shape, qkv.data(), if_biased(bias), if_own(global_qkv),
                            if_biased(global_bias), weights.data(), dcontext.data(), scratch.data(),
                            dqkv.data(), if_biased(dbias), if_own(dglobal_qkv),
                            if_biased(dglobal_bias));
  Result result{widen(context.values()), widen(dqkv.values()), widen(dbias.values()), {}, {}};
  if (problem.own_globals) {
    result.dglobal_qkv = widen(dglobal_qkv.values());
    result.dglobal_bias = widen(dglobal_bias.values());
  }
  return result;
}

Result run_f64(const Problem& problem) { return run<double, double>(problem); }

double largest(const Numbers& values) {
  double top = 1;
  for (const double value : values) top = std::max(top, std::abs(value));
  return top;
}

void expect_close(const Numbers& values, const Numbers& expected, double tolerance,
                  const char* what) {
  ASSERT_EQ(values.size(), expected.size());
  const double bound = tolerance * largest(expected);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_LE(std::abs(values[i] - expected[i]), bound) << what << " at " << i;
  }
}

void expect_close(const Result& result, const Result& expected, double tolerance) {
  expect_close(result.context, expected.context, tolerance, "context");
  expect_close(result.dqkv, expected.dqkv, tolerance, "dqkv");
  expect_close(result.dqkv_bias, expected.dqkv_bias, tolerance, "dqkv_bias");
  expect_close(result.dglobal_qkv, expected.dglobal_qkv, tolerance, "dglobal_qkv");
  expect_close(result.dglobal_bias, expected.dglobal_bias, tolerance, "dglobal_bias");
}

constexpr double kF32Tolerance = 1e-5;
constexpr double kBf16Tolerance = 2e-2;

// A softmax over all rows of a sequence, those that a query does not see left out.
Numbers masked_softmax(const Problem& p) {
  const std::size_t d = p.width(), size = d / static_cast<std::size_t>(p.heads);
  Numbers context(p.tokens() * d);
  for (std::size_t s = 0; s + 1 < p.offsets.size(); ++s) {
    const int first = p.offsets[s];
    const int n = p.lengths.empty() ? p.offsets[s + 1] - first : p.lengths[s];
    for (std::size_t h = 0; h < d / size; ++h) {
      for (int i = 0; i < n; ++i) {
        const bool own = p.own_globals && i < p.globals;
        const auto at = [&](std::size_t part, int row, std::size_t c) {
          const std::size_t column = part * d + h * size + c;
          const std::size_t place = static_cast<std::size_t>(first + row) * 3 * d + column;
          return own ? p.global_qkv[place] + p.global_bias[column]
                     : p.qkv[place] + p.qkv_bias[column];
        };
        double* out = &context[static_cast<std::size_t>(first + i) * d + h * size];
        double sum = 0;
        for (int j = 0; j < n; ++j) {
          if (std::abs(i - j) > p.window && i >= p.globals && j >= p.globals) continue;
          double score = 0;
          for (std::size_t c = 0; c < size; ++c) score += at(0, i, c) * at(1, j, c);
          const double weight = std::exp(score / std::sqrt(static_cast<double>(size)));
          sum += weight;
          for (std::size_t c = 0; c < size; ++c) out[c] += weight * at(2, j, c);
        }
        for (std::size_t c = 0; c < size; ++c) out[c] /= sum;
      }
    }
  }
  return context;
}

TEST(WindowAttention, ReferenceIsTheMaskedSoftmax) {
  for (const int window : {1, 3, 16}) {
    for (const int globals : {0, 1, 5}) {
      for (const bool own : {false, true}) {
        Problem problem({5, 40, 9}, 3, 5, window, globals);
        problem.own_globals = own;
        SCOPED_TRACE(testing::Message() << problem);
        expect_close(run_f64(problem).context, masked_softmax(problem), 1e-14, "context");
        problem.lengths = {5, 31, 0};
        expect_close(run_f64(problem).context, masked_softmax(problem), 1e-14, "context");
      }
    }
  }
}

TEST(WindowAttention, ReferenceGradientsAreFiniteDifferences) {
  for (const bool own : {false, true}) {
    Problem problem({9, 2, 6}, 2, 3, 2, 2);
    problem.lengths = {9, 2, 4};
    problem.own_globals = own;
    const Result result = run_f64(problem);
    const auto value = [&] {
      const Numbers context = run_f64(problem).context;
      return std::inner_product(context.begin(), context.end(), problem.dcontext.begin(), 0.0);
    };
    const auto check = [&](Numbers& input, const Numbers& gradient) {
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
    };
    check(problem.qkv, result.dqkv);
    check(problem.qkv_bias, result.dqkv_bias);
    if (!own) continue;
    check(problem.global_qkv, result.dglobal_qkv);
    check(problem.global_bias, result.dglobal_bias);
  }
}

void expect_all_types_close(const Problem& problem) {
  SCOPED_TRACE(testing::Message() << problem);
  const Result expected = run_f64(problem);
  on_every_target([&] {
    expect_close(run<float, float>(problem), expected, kF32Tolerance);
    expect_close(run<Bf16, float>(problem), expected, kBf16Tolerance);
  });
}

TEST(WindowAttention, EveryLengthAgreesWithTheReference) {
  for (const int window : {1, 3, 16}) {
    for (const int globals : {0, 1, 5}) {
      std::vector<int> lengths(static_cast<std::size_t>(71 - std::max(1, globals)));
      std::iota(lengths.begin(), lengths.end(), std::max(1, globals));
      Problem problem(lengths, 1, 16, window, globals);
      problem.own_globals = (window + globals) % 2 == 0;
      expect_all_types_close(problem);
    }
  }
}

TEST(WindowAttention, EveryHeadSizeAndBiasAgreesWithTheReference) {
  for (const int size : {1, 4, 5, 16, 17, 32, 48, 64, 80, 128}) {
    for (const bool own : {false, true}) {
      Problem problem({18, 3, 65, 7}, 2, size, 4, 3);
      problem.own_globals = own;
      problem.with_bias = size % 2 == 0;
      problem.lengths = {17, 3, 60, 0};
      expect_all_types_close(problem);
    }
  }
}

// Several blocks of backward with keys between them that both see; more global rows than a line of
// columns or a block holds; a window beside which the band begins in the middle of a line.
TEST(WindowAttention, LongSequencesAgreeWithTheReference) {
  for (const int window : {5, 29, 70}) {
    for (const int globals : {0, 2, 17, 60}) {
      expect_all_types_close(Problem({145, 301}, 1, 32, window, globals));
    }
  }
}

// A window over the whole sequence, or all rows global, is Vaswani's attention.
TEST(WindowAttention, WithoutAnEdgeItIsFullAttention) {
  for (const auto& [window, globals] : {std::pair{60, 0}, {59, 4}, {1, 60}, {INT_MAX, 1}}) {
    Problem problem({60, 60}, 2, 16, window, globals);
    problem.own_globals = false;
    SCOPED_TRACE(testing::Message() << problem);
    const AttentionShape shape{problem.offsets, {}, problem.hidden, problem.heads};
    std::vector<double> scratch(attention_scratch(shape, ScoreTerms<double>{})),
        weights(attention_weights(shape)), context(problem.tokens() * problem.width()),
        dqkv(problem.qkv.size()), dbias(problem.qkv_bias.size());
    attention(shape, problem.qkv.data(), problem.qkv_bias.data(), ScoreTerms<double>{},
              scratch.data(), weights.data(), context.data());
    attention_backward(shape, problem.qkv.data(), problem.qkv_bias.data(), ScoreTerms<double>{},
                       weights.data(), problem.dcontext.data(), scratch.data(), dqkv.data(),
                       dbias.data(), {});
    const Result full{context, dqkv, dbias, {}, {}};
    expect_close(run_f64(problem), full, 1e-13);
    on_every_target([&] { expect_close(run<float, float>(problem), full, kF32Tolerance); });
  }
}

template <class T>
std::vector<T> rows_of(const std::vector<T>& all, std::int32_t first, std::int32_t last,
                       std::size_t width) {
  return {all.begin() + first * static_cast<std::ptrdiff_t>(width),
          all.begin() + last * static_cast<std::ptrdiff_t>(width)};
}

// What a query does not see changes nothing of its context, to the bit; what it sees does.
template <class Stored>
void expect_only_seen_keys_count() {
  const Problem problem({100}, 1, 16, 7, 2);
  const std::size_t d = problem.width();
  const Numbers before = run<Stored, float>(problem).context;
  for (const int j : {0, 1, 2, 9, 40, 63, 99}) {
    Problem other = problem;
    for (Numbers* rows : {&other.qkv, &other.global_qkv}) {
      for (std::size_t c = d; c < 3 * d; ++c) (*rows)[static_cast<std::size_t>(j) * 3 * d + c] += 1;
    }
    const Numbers after = run<Stored, float>(other).context;
    for (int i = 0; i < 100; ++i) {
      const bool sees = std::abs(i - j) <= problem.window || i < 2 || j < 2;
      EXPECT_EQ(rows_of(after, i, i + 1, d) != rows_of(before, i, i + 1, d), sees) << i << ' ' << j;
    }
  }
}

TEST(WindowAttention, OnlySeenKeysCount) {
  on_every_target([] {
    expect_only_seen_keys_count<float>();
    expect_only_seen_keys_count<Bf16>();
  });
}

// The sequence s of a batch as a batch of its own.
Problem alone(const Problem& batch, std::size_t s) {
  const std::int32_t first = batch.offsets[s], last = batch.offsets[s + 1];
  Problem one = batch;
  one.offsets = {0, last - first};
  one.qkv = rows_of(batch.qkv, first, last, 3 * batch.width());
  one.global_qkv = rows_of(batch.global_qkv, first, last, 3 * batch.width());
  one.dcontext = rows_of(batch.dcontext, first, last, batch.width());
  return one;
}

template <class Stored>
void expect_batch_does_not_matter() {
  const Problem problem({18, 60, 5, 150}, 2, 32, 9, 3);
  const Result whole = run<Stored, float>(problem);
  const std::size_t d = problem.width();
  for (std::size_t s = 0; s + 1 < problem.offsets.size(); ++s) {
    const Result one = run<Stored, float>(alone(problem, s));
    const std::int32_t first = problem.offsets[s], last = problem.offsets[s + 1];
    EXPECT_EQ(one.context, rows_of(whole.context, first, last, d));
    EXPECT_EQ(one.dqkv, rows_of(whole.dqkv, first, last, 3 * d));
    EXPECT_EQ(one.dglobal_qkv, rows_of(whole.dglobal_qkv, first, last, 3 * d));
  }
}

TEST(WindowAttention, ASequenceDoesNotDependOnItsBatchToTheBit) {
  on_every_target([] {
    expect_batch_does_not_matter<float>();
    expect_batch_does_not_matter<Bf16>();
  });
}

// Padding may hold anything, a NaN too: rows of padding get 0, the others what they get without it.
template <class Stored>
void expect_padding_changes_nothing() {
  Problem padded({60, 60, 60}, 2, 16, 4, 3);
  padded.lengths = {60, 3, 50};
  const std::size_t d = padded.width();
  Problem cut = alone(padded, 2);
  for (Numbers* rows : {&cut.qkv, &cut.global_qkv}) rows->resize(50 * 3 * d);
  cut.dcontext.resize(50 * d);
  cut.offsets = {0, 50};
  cut.lengths.clear();
  for (std::size_t s = 0; s < 3; ++s) {
    const auto fill = [&](Numbers& rows, std::size_t width) {
      const auto from = (s * 60 + static_cast<std::size_t>(padded.lengths[s])) * width;
      std::fill(rows.begin() + static_cast<std::ptrdiff_t>(from),
                rows.begin() + static_cast<std::ptrdiff_t>((s + 1) * 60 * width), NAN);
    };
    fill(padded.qkv, 3 * d);
    fill(padded.global_qkv, 3 * d);
    fill(padded.dcontext, d);
  }
  const Result with = run<Stored, float>(padded), without = run<Stored, float>(cut);
  EXPECT_EQ(rows_of(with.context, 120, 170, d), without.context);
  EXPECT_EQ(rows_of(with.dqkv, 120, 170, 3 * d), without.dqkv);
  EXPECT_EQ(rows_of(with.dglobal_qkv, 120, 170, 3 * d), without.dglobal_qkv);
  for (const auto& [from, to] : {std::pair{63, 120}, {170, 180}}) {
    EXPECT_THAT(rows_of(with.context, from, to, d), Each(0.0));
    EXPECT_THAT(rows_of(with.dqkv, from, to, 3 * d), Each(0.0));
    EXPECT_THAT(rows_of(with.dglobal_qkv, from, to, 3 * d), Each(0.0));
  }
  for (const double value : with.dqkv_bias) EXPECT_FALSE(std::isnan(value));
}

TEST(WindowAttention, PaddingChangesNothing) {
  on_every_target([] {
    expect_padding_changes_nothing<float>();
    expect_padding_changes_nothing<Bf16>();
  });
}

// A broken training must not look sound.
TEST(WindowAttention, ANaNIsSeenAndStaysInItsSequence) {
  on_every_target([] {
    const Problem problem({60, 60}, 1, 16, 4, 2);
    const std::size_t d = problem.width();
    const Result sound = run<float, float>(problem);
    for (std::size_t part = 0; part < 3; ++part) {
      Problem broken = problem;
      broken.qkv[30 * 3 * d + part * d + 3] = NAN;
      const Result result = run<float, float>(broken);
      EXPECT_TRUE(std::isnan(result.context[30 * d + 3])) << part;
      EXPECT_TRUE(std::isnan(result.dqkv[30 * 3 * d + 3])) << part;
      EXPECT_EQ(rows_of(result.context, 60, 120, d), rows_of(sound.context, 60, 120, d));
      EXPECT_EQ(rows_of(result.dqkv, 60, 120, 3 * d), rows_of(sound.dqkv, 60, 120, 3 * d));
    }
  });
}

// Scores far apart must neither overflow nor lose the sum.
TEST(WindowAttention, LargeScoresAreFinite) {
  Problem problem({90}, 1, 32, 10, 2);
  for (double& value : problem.qkv) value *= 30;
  const Result expected = run_f64(problem);
  on_every_target([&] {
    // Scores reach thousands, and their rounding is relative to that.
    expect_close(run<float, float>(problem).context, expected.context, 2e-3, "context");
  });
}

template <class Stored>
void expect_inference_says_the_same() {
  Problem problem({18, 41}, 2, 32, 5, 1);
  problem.own_globals = false;
  const auto qkv = narrow<Stored>(problem.qkv);
  const auto bias = narrow<float>(problem.qkv_bias);
  std::vector<float> scratch(window_attention_scratch(problem.shape()));
  std::vector<Stored> context(problem.tokens() * problem.width());
  window_attention(problem.shape(), qkv.data(), bias.data(), static_cast<const Stored*>(nullptr),
                   nullptr, scratch.data(), static_cast<Stored*>(nullptr), context.data());
  EXPECT_EQ(widen(context), (run<Stored, float>(problem).context));
}

TEST(WindowAttention, InferenceKeepsNothingAndSaysTheSame) {
  on_every_target([] {
    expect_inference_says_the_same<float>();
    expect_inference_says_the_same<Bf16>();
  });
}

TEST(WindowAttention, GradientsOfBiasesAreAdded) {
  Problem problem({70}, 1, 16, 6, 2);
  const auto shape = problem.shape();
  const auto qkv = narrow<float>(problem.qkv), global_qkv = narrow<float>(problem.global_qkv),
             dcontext = narrow<float>(problem.dcontext);
  std::vector<float> scratch(window_attention_scratch(shape)),
      weights(window_attention_weights(shape)), context(70 * 16), dqkv(70 * 48), dglobal(70 * 48),
      dbias(48), dglobal_bias(48);
  window_attention(shape, qkv.data(), nullptr, global_qkv.data(), nullptr, scratch.data(),
                   weights.data(), context.data());
  const auto backward = [&](float* bias, float* global_bias) {
    window_attention_backward(shape, qkv.data(), nullptr, global_qkv.data(), nullptr,
                              weights.data(), dcontext.data(), scratch.data(), dqkv.data(), bias,
                              dglobal.data(), global_bias);
  };
  backward(dbias.data(), dglobal_bias.data());
  const auto once = dbias, global_once = dglobal_bias;
  std::fill(dbias.begin(), dbias.end(), 1.0f);
  std::fill(dglobal_bias.begin(), dglobal_bias.end(), 1.0f);
  backward(dbias.data(), dglobal_bias.data());
  for (std::size_t i = 0; i < 48; ++i) {
    EXPECT_NEAR(dbias[i], 1 + once[i], 1e-4);
    EXPECT_NEAR(dglobal_bias[i], 1 + global_once[i], 1e-4);
  }
}

// The point of it all: both are lines in the length, far below the square.
TEST(WindowAttention, MemoryGrowsWithTheLength) {
  const auto sizes = [](int length) {
    const std::vector<std::int32_t> offsets{0, length};
    const WindowShape shape{offsets, {}, 256, 4, 256, 2};
    return std::pair{static_cast<double>(window_attention_weights(shape)),
                     static_cast<double>(window_attention_scratch(shape))};
  };
  const auto short_one = sizes(8192), long_one = sizes(16384);
  EXPECT_NEAR(long_one.first / short_one.first, 2, 0.01);
  EXPECT_LT(long_one.second / short_one.second, 2);
  // For a row of each of 4 heads: 513 keys of the band, 2 in front, 2 of the global rows, padding.
  EXPECT_LT(long_one.first, 4 * 640 * 16384);
  // Some rows of one head at a time, of 64 numbers.
  EXPECT_LT(long_one.second, 6 * 64 * 16384);
}

std::string refusal(const Problem& problem) {
  try {
    run<float, float>(problem);
  } catch (const UserError& error) {
    return error.what();
  }
  return "none";
}

TEST(WindowAttention, ImpossibleShapesAreRefused) {
  Problem problem({9, 4}, 2, 8, 3, 4);
  EXPECT_EQ(refusal(problem), "none");
  problem.globals = 5;
  EXPECT_THAT(refusal(problem), HasSubstr("5 global rows are more than the 4 of sequence 1"));
  problem.lengths = {9, 0};  // a sequence without rows needs none
  EXPECT_EQ(refusal(problem), "none");
  problem.lengths = {3, 0};
  EXPECT_THAT(refusal(problem), HasSubstr("the 3 of sequence 0"));
  problem = Problem({9}, 2, 8, 0, 0);
  EXPECT_THAT(refusal(problem), HasSubstr("window of 0"));
  problem = Problem({9}, 2, 8, 1, -1);
  EXPECT_THAT(refusal(problem), HasSubstr("-1 global rows"));
  problem = Problem({9}, 2, 8, 1, 0);
  problem.heads = 3;
  EXPECT_THAT(refusal(problem), HasSubstr("3 heads do not divide a hidden size of 16"));
}

}  // namespace
}  // namespace posbench
