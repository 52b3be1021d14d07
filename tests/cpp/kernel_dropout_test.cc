// The mask of dropout: its rate, its independence, and that nothing but (stream, element) decides.
#include "kernel/dropout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "guarded.h"
#include "kernel/dropout_hash.h"
#include "row_helpers.h"

namespace posbench {
namespace {

// 1 where an element of ones is kept.
std::vector<int> mask(std::size_t n, float p, std::uint64_t stream, std::uint64_t first) {
  Floats x(n, 1.0f);
  dropout(x.data(), n, p, stream, first);
  std::vector<int> kept(n);
  for (std::size_t i = 0; i < n; ++i) kept[i] = x[i] != 0;
  return kept;
}

TEST(Dropout, EveryTargetIsTheScalarHash) {
  const std::uint64_t first = (std::uint64_t{5} << 32) - 30;  // the long ones cross 2^32
  for_every_shape([&](std::size_t rows, std::size_t d) {
    const std::size_t n = rows * d;
    const Floats x = random_floats(n, "x");
    Guarded<float> y(x);
    dropout(y.data(), n, 0.3f, 17, first);
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t element = first + i;
      const bool dropped =
          dropout_hash(dropout_key(17, element >> 32), static_cast<std::uint32_t>(element)) <
          dropout_threshold(wide(0.3f));
      ASSERT_NEAR(wide(y[i]), dropped ? 0.0 : wide(x[i]) / 0.7, 4 * kU * std::abs(wide(x[i])));
    }
  });
}

TEST(Dropout, F64HasTheSameMask) {
  const std::size_t n = 1000;
  const std::uint64_t first = (std::uint64_t{1} << 32) - 500;
  const auto kept = mask(n, 0.25f, 3, first);
  Doubles x(n, 3.0);
  dropout(x.data(), n, 0.25, 3, first);
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(x[i], kept[i] ? 4.0 : 0.0);
}

TEST(Dropout, PiecesOfAnySizeGetTheMaskOfTheWhole) {
  on_every_target([] {
    const std::size_t n = 1000;
    const std::uint64_t first = (std::uint64_t{1} << 32) - 500;
    const Floats x = random_floats(n, "x");
    Floats whole = x, pieces = x;
    dropout(whole.data(), n, 0.1f, 9, first);
    for (std::size_t at = 0, size = 1; at < n; at += size, ++size) {
      dropout(pieces.data() + at, std::min(size, n - at), 0.1f, 9, first + at);
    }
    EXPECT_EQ(pieces, whole);
  });
}

TEST(Dropout, ProbabilityZeroChangesNothing) {
  on_every_target([] {
    const Floats x = random_floats(100, "x");
    Floats y = x;
    dropout(y.data(), y.size(), 0.0f, 1, 0);
    EXPECT_EQ(y, x);
  });
}

TEST(Dropout, AKeptNotANumberStaysOne) {
  on_every_target([] {
    Floats x(100, std::numeric_limits<float>::quiet_NaN());
    dropout(x.data(), x.size(), 0.5f, 1, 0);
    const auto kept = mask(100, 0.5f, 1, 0);
    for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(std::isnan(x[i]), kept[i] == 1);
  });
}

// Each statistic below is a sum of n coins; a fair one leaves five deviations once in two million
// runs, and these runs are always the same.
void expect_rate(double count, double n, double rate) {
  EXPECT_NEAR(count / n, rate, 5 * std::sqrt(rate * (1 - rate) / n));
}

TEST(Dropout, DropsAtItsRate) {
  const std::size_t n = 1 << 22;
  for (const float p : {0.01f, 0.1f, 0.5f, 0.9f}) {
    for (const std::uint64_t stream : {0, 1, 77}) {
      const auto kept = mask(n, p, stream, stream << 31);
      expect_rate(std::accumulate(kept.begin(), kept.end(), 0.0), n, 1 - wide(p));
    }
  }
}

// Columns of a tensor are elements a hidden size apart, rows are neighbours.
TEST(Dropout, ElementsADistanceApartAreIndependent) {
  const std::size_t n = 1 << 21;
  const double rate = 0.9 * 0.9;
  const auto kept = mask(n + 65536, 0.1f, 5, 0);
  for (const std::size_t distance : {1, 2, 3, 4, 16, 64, 128, 256, 512, 768, 1024, 4096, 65536}) {
    double both = 0;
    for (std::size_t i = 0; i < n; ++i) both += kept[i] & kept[i + distance];
    // Pairs share elements, which widens the deviation, to at most twice that of free pairs.
    EXPECT_NEAR(both / static_cast<double>(n), rate,
                10 * std::sqrt(rate * (1 - rate) / static_cast<double>(n)))
        << distance;
  }
}

TEST(Dropout, StreamsAreIndependentOfEachOther) {
  const std::size_t n = 1 << 21;
  const auto kept = mask(n, 0.5f, 100, 0);
  for (const std::uint64_t stream : {101, 102, 104, 228, 0}) {
    const auto other = mask(n, 0.5f, stream, 0);
    double equal = 0;
    for (std::size_t i = 0; i < n; ++i) equal += kept[i] == other[i];
    expect_rate(equal, static_cast<double>(n), 0.5);
  }
  // The next run of 2^32 is another sequence too.
  const auto later = mask(n, 0.5f, 100, std::uint64_t{1} << 32);
  double equal = 0;
  for (std::size_t i = 0; i < n; ++i) equal += kept[i] == later[i];
  expect_rate(equal, static_cast<double>(n), 0.5);
}

// A stream must not be another one's numbers in another order of elements: two streams that agree
// at i and at i xor (key xor key') would.
TEST(Dropout, StreamsAreNotEachOthersPermutations) {
  const DropoutKey one = dropout_key(1, 0), two = dropout_key(2, 0);
  const std::uint32_t shift = one.before - two.before;
  int equal = 0;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    equal += dropout_hash(one, i) == dropout_hash(two, i + shift);
  }
  EXPECT_EQ(equal, 0);
}

// A flip of one bit of the counter flips each bit of the hash half the time.
TEST(Dropout, TheHashAvalanches) {
  const DropoutKey key = dropout_key(42, 0);
  const int trials = 20000;
  for (int in = 0; in < 32; ++in) {
    std::array<int, 32> flips{};
    for (std::uint32_t i = 0; i < trials; ++i) {
      const std::uint32_t changed =
          dropout_hash(key, i) ^ dropout_hash(key, i ^ (std::uint32_t{1} << in));
      for (std::size_t out = 0; out < 32; ++out) flips[out] += (changed >> out) & 1;
    }
    for (const int count : flips) EXPECT_NEAR(count, 0.5 * trials, 0.05 * trials);
  }
}

}  // namespace
}  // namespace posbench
