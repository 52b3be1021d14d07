#include "base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace posbench {
namespace {

std::vector<std::uint64_t> first(std::uint64_t seed, std::string_view purpose, std::size_t n) {
  Random random(seed, purpose);
  std::vector<std::uint64_t> draws(n);
  for (auto& draw : draws) draw = random.next();
  return draws;
}

// Computed from the formulae in Python's unlimited integers. Another value here is another split,
// another start and another order of the data in every trial: all records would be orphans.
TEST(Random, StreamsNeverChange) {
  using testing::ElementsAre;
  EXPECT_THAT(first(0, "token", 3),
              ElementsAre(0x4ac93abd4a861cb2, 0x39b4cd4688239878, 0x2fd42ee25b03ff0f));
  EXPECT_THAT(first(1, "token", 3),
              ElementsAre(0x46a7eb40c7d554d0, 0xeef80917f9d0b9c3, 0x93adc3a2dd6f6464));
  EXPECT_THAT(first(0, "position", 3),
              ElementsAre(0x454759e3daf3ddc0, 0x552c624b4726fa3b, 0xc1385a1400db992));
  EXPECT_THAT(first(7, "", 3),
              ElementsAre(0xf8fdf24a1cb94295, 0x63718719918a75f, 0x70c53565fe0153a4));
}

// Neighbouring seeds and names share no draw (64 bits: by chance they never would), and are not
// shifted copies of each other.
TEST(Random, StreamsAreApart) {
  std::vector<std::uint64_t> all;
  for (const std::uint64_t seed : {0, 1, 2, 1000}) {
    for (const std::string_view name : {"token", "position", "order", "layer0.qkv", "layer1.qkv"}) {
      const auto draws = first(seed, name, 2000);
      all.insert(all.end(), draws.begin(), draws.end());
    }
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

// Draws of two streams at the same place are uncorrelated: 20,000 of them, 4 standard errors.
TEST(Random, StreamsAreUncorrelated) {
  for (const auto& [seed, name] : {std::pair{1, "token"}, {0, "position"}, {0, "token "}}) {
    Random a(0, "token"), b(static_cast<std::uint64_t>(seed), name);
    const int n = 20000;
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += (a.uniform() - 0.5) * (b.uniform() - 0.5) * 12;
    EXPECT_LT(std::abs(sum / n), 4 / std::sqrt(n)) << name;
  }
}

TEST(Random, UniformFillsTheUnitInterval) {
  Random random(3, "uniform");
  std::vector<int> counts(10);
  for (int i = 0; i < 100000; ++i) {
    const double draw = random.uniform();
    ASSERT_GE(draw, 0.0);
    ASSERT_LT(draw, 1.0);
    ++counts[static_cast<std::size_t>(draw * 10)];
  }
  EXPECT_THAT(counts, testing::Each(testing::AllOf(testing::Gt(9600), testing::Lt(10400))));
}

TEST(Random, BelowReachesEveryValueEquallyOften) {
  for (const std::uint64_t bound : {1, 2, 3, 7, 10}) {
    Random random(5, "below");
    std::vector<int> counts(bound);
    const int n = 70000;
    for (int i = 0; i < n; ++i) {
      const std::uint64_t draw = random.below(bound);
      ASSERT_LT(draw, bound);
      ++counts[draw];
    }
    // Five standard deviations of a count.
    const double expected = n / static_cast<double>(bound);
    for (const int count : counts) EXPECT_NEAR(count, expected, 5 * std::sqrt(expected));
  }
}

// With a plain remainder the lower third of this range would come up half of the time.
TEST(Random, BelowHasNoModuloBias) {
  Random random(5, "below");
  const std::uint64_t third = std::uint64_t{1} << 62;
  int low = 0;
  const int n = 30000;
  for (int i = 0; i < n; ++i) low += random.below(3 * third) < third ? 1 : 0;
  EXPECT_NEAR(low, n / 3.0, 5 * std::sqrt(n * 2 / 9.0));
}

struct Moments {
  double mean = 0, deviation = 0, fourth = 0, largest = 0;
};

template <class Draw>
Moments moments(Draw draw) {
  const int n = 200000;
  Moments found;
  double squares = 0, fourths = 0;
  for (int i = 0; i < n; ++i) {
    const double x = draw();
    found.mean += x / n;
    squares += x * x / n;
    fourths += x * x * x * x / n;
    found.largest = std::max(found.largest, std::abs(x));
  }
  found.deviation = std::sqrt(squares - found.mean * found.mean);
  found.fourth = fourths / (squares * squares);
  return found;
}

TEST(Random, NormalHasTheMomentsOfANormal) {
  Random random(9, "normal");
  const Moments found = moments([&] { return random.normal(); });
  EXPECT_NEAR(found.mean, 0.0, 0.01);
  EXPECT_NEAR(found.deviation, 1.0, 0.01);
  EXPECT_NEAR(found.fourth, 3.0, 0.1);
  EXPECT_GT(found.largest, 3.5);
}

TEST(Random, TruncatedNormalIsCutAtTwo) {
  Random random(9, "normal");
  const Moments found = moments([&] { return random.truncated_normal(); });
  EXPECT_NEAR(found.mean, 0.0, 0.01);
  EXPECT_NEAR(found.deviation, 0.8796, 0.005);
  EXPECT_LE(found.largest, 2.0);
  EXPECT_GT(found.largest, 1.99);
}

TEST(Random, ShuffleKeepsEverythingAndFavoursNoOrder) {
  Random random(4, "order");
  std::vector<int> counts(6);
  for (int i = 0; i < 60000; ++i) {
    std::vector<int> items = {0, 1, 2};
    random.shuffle(std::span(items));
    EXPECT_THAT(items, testing::UnorderedElementsAre(0, 1, 2));
    ++counts[static_cast<std::size_t>(items[0] * 2 + (items[1] > items[2] ? 1 : 0))];
  }
  EXPECT_THAT(counts, testing::Each(testing::AllOf(testing::Gt(9500), testing::Lt(10500))));
}

}  // namespace
}  // namespace posbench
