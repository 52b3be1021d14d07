// The references themselves, against values and theorems that stand in papers and in the code of
// their authors.
#include "conformance/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace posbench::reference {
namespace {

std::vector<long double> row_of(const Row& make, long r, std::size_t columns) {
  std::vector<long double> row(columns, 99.0L);
  make(r, row);
  return row;
}

void expect_near(const std::vector<long double>& row, const std::vector<long double>& expected,
                 long double apart) {
  ASSERT_EQ(row.size(), expected.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    EXPECT_LE(std::abs(row[i] - expected[i]), apart) << "column " << i;
  }
}

TEST(ReferenceSinusoid, HasThePapersValues) {
  const Row four = sinusoid({.halves = false, .tensor2tensor = false}, 4);
  expect_near(row_of(four, 0, 4), {0, 1, 0, 1}, 0);
  expect_near(row_of(four, 3, 4), {0.1411200081L, -0.9899924966L, 0.0299955002L, 0.9995500337L},
              5e-11L);
  expect_near(
      row_of(sinusoid({.halves = false, .tensor2tensor = false}, 8), 1, 8),
      {0.841471L, 0.540302L, 0.099833L, 0.995004L, 0.010000L, 0.999950L, 0.001000L, 1.000000L},
      5e-7L);
}

TEST(ReferenceSinusoid, HasTensor2tensorsValues) {
  expect_near(
      row_of(sinusoid({.halves = true, .tensor2tensor = true}, 8), 1, 8),
      {0.841471L, 0.046399L, 0.002154L, 0.000100L, 0.540302L, 0.998923L, 0.999998L, 1.000000L},
      5e-7L);
  // The last wavelength is 10000 · 2π: at a quarter of it the last sine is 1.
  const auto far = row_of(sinusoid({.halves = true, .tensor2tensor = true}, 64), 15708, 64);
  EXPECT_LT(std::abs(far[31] - std::sin(1.5708L)), 1e-15L);
}

TEST(ReferenceSinusoid, LayoutsArePermutationsOfOneAnother) {
  const auto halves = row_of(sinusoid({.halves = true, .tensor2tensor = false}, 12), 77, 12);
  const auto turns = row_of(sinusoid({.halves = false, .tensor2tensor = false}, 12), 77, 12);
  const auto order = turns_of_halves(12);
  for (std::size_t c = 0; c < 12; ++c) EXPECT_EQ(turns[c], halves[order[c]]);
  const auto swapped =
      row_of(sinusoid({.halves = false, .tensor2tensor = false, .cosine_first = true}, 12), 77, 12);
  for (std::size_t c = 0; c < 12; ++c) EXPECT_EQ(swapped[c], turns[c ^ 1]);
}

TEST(ReferenceRope, TurnsPlanesAndLeavesTheRestAlone) {
  constexpr std::size_t kSize = 8;
  const auto pairs = row_of(rope({.pairs = true, .rotated = 4}, kSize), 7, kSize * kSize);
  const auto at = [&](std::size_t from, std::size_t to) { return pairs[from * kSize + to]; };
  EXPECT_LT(std::abs(at(2, 2) - std::cos(0.07L)), 1e-18L);
  EXPECT_LT(std::abs(at(2, 3) - std::sin(0.07L)), 1e-18L);
  EXPECT_LT(std::abs(at(3, 2) + std::sin(0.07L)), 1e-18L);
  EXPECT_EQ(at(2, 1), 0);
  for (std::size_t j = 4; j < kSize; ++j) EXPECT_EQ(at(j, j), 1);
  const auto halves = row_of(rope({.pairs = false, .rotated = 4}, kSize), 7, kSize * kSize);
  EXPECT_EQ(halves[0 * kSize + 2], std::sin(7.0L));
  EXPECT_EQ(halves[1 * kSize + 3], at(2, 3));
  // A rotation keeps lengths.
  for (std::size_t j = 0; j < kSize; ++j) {
    long double length = 0;
    for (std::size_t c = 0; c < kSize; ++c) length += at(j, c) * at(j, c);
    EXPECT_LT(std::abs(length - 1), 1e-18L);
  }
}

TEST(ReferenceRope, TablesHoldEachAngleInBothColumnsOfItsPlane) {
  const auto pairs = row_of(rope_tables({.pairs = true, .rotated = 4}), 7, 8);
  const auto halves = row_of(rope_tables({.pairs = false, .rotated = 4}), 7, 8);
  const long double c0 = std::cos(7.0L), c1 = pairs[2], s0 = std::sin(7.0L), s1 = pairs[6];
  EXPECT_LT(std::abs(c1 - std::cos(0.07L)), 1e-18L);
  EXPECT_LT(std::abs(s1 - std::sin(0.07L)), 1e-18L);
  EXPECT_THAT(pairs, testing::ElementsAre(c0, c0, c1, c1, s0, s0, s1, s1));
  EXPECT_THAT(halves, testing::ElementsAre(c0, c1, c0, c1, s0, s1, s0, s1));
}

TEST(ReferenceAlibi, SlopesAreTheAuthors) {
  expect_near(alibi_slopes(4), {0.25L, 1 / 16.0L, 1 / 64.0L, 1 / 256.0L}, 0);
  EXPECT_EQ(alibi_slopes(8), alibi_geometric_slopes(8));
  const auto twelve = alibi_slopes(12);
  ASSERT_EQ(twelve.size(), 12u);
  EXPECT_EQ(twelve[7], 1 / 256.0L);
  expect_near({twelve.begin() + 8, twelve.end()}, {0.7071L, 0.3536L, 0.1768L, 0.0884L}, 5e-5L);
  EXPECT_LT(std::abs(alibi_geometric_slopes(12)[11] - 1 / 256.0L), 1e-18L);
}

// The first distance of each bucket, as the authors' code gives them.
TEST(ReferenceT5, BucketsBeginWhereTheyShould) {
  const auto edges = [](bool causal) {
    std::vector<long> firsts;
    for (long steps = 0, last = -1; steps < 1000; ++steps) {
      const int bucket = t5_bucket(-steps, causal);
      if (bucket != last) firsts.push_back(steps);
      last = bucket;
    }
    return firsts;
  };
  EXPECT_THAT(edges(false),
              testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91));
  EXPECT_THAT(edges(true),
              testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21,
                                   24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113));
  EXPECT_EQ(t5_bucket(1, false), 17);
  EXPECT_EQ(t5_bucket(-1, false), 1);
  EXPECT_EQ(t5_bucket(1000, false), 31);
  EXPECT_EQ(t5_bucket(1000, true), 0);
}

}  // namespace
}  // namespace posbench::reference
