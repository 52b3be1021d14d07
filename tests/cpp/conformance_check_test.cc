// Which convention a table follows: each is found, with its shift and scale, and a wrong element is
// named.
#include "conformance/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "conformance/reference.h"

namespace posbench {
namespace {

// What somebody saved as f32: rows `first` … `first + rows − 1`.
NpyTable table_of(const reference::Row& row, long first, std::size_t rows, std::size_t columns) {
  NpyTable table{rows, columns, 0x1p-24, {}};
  std::vector<long double> values(columns);
  for (std::size_t r = 0; r < rows; ++r) {
    row(first + static_cast<long>(r), values);
    for (const long double value : values) table.values.push_back(static_cast<float>(value));
  }
  return table;
}

std::vector<std::string> names(const std::vector<Match>& matches) {
  std::vector<std::string> all;
  for (const Match& match : matches) {
    if (!match.row) all.push_back(match.convention);
  }
  return all;
}

NpyTable interleaved(long first = 0) {
  return table_of(reference::sinusoid({.halves = false, .tensor2tensor = false}, 64), first, 100,
                  64);
}

TEST(Check, FindsEveryFormOfTheSinusoid) {
  std::set<std::string> found;
  for (const bool halves : {false, true}) {
    for (const bool tensor2tensor : {false, true}) {
      for (const bool cosine_first : {false, true}) {
        const auto row = reference::sinusoid({halves, tensor2tensor, cosine_first}, 64);
        const auto matches = check_table(table_of(row, 0, 100, 64), "sinusoid", 64);
        ASSERT_EQ(names(matches).size(), 1u);
        EXPECT_LT(matches[0].error, 1e-7);
        EXPECT_EQ(matches[0].convention.ends_with("cosines first"), cosine_first);
        EXPECT_EQ(matches[0].convention.starts_with("tensor2tensor"), tensor2tensor);
        found.insert(matches[0].convention);
      }
    }
  }
  EXPECT_EQ(found.size(), 8u);
}

TEST(Check, FindsShiftsAndScales) {
  for (const long shift : {1L, 2L}) {
    NpyTable table = interleaved(shift);
    for (double& value : table.values) value *= 0.0283;
    const auto matches = check_table(table, "sinusoid", 0);
    EXPECT_THAT(names(matches), testing::ElementsAre("interleaved"));
    EXPECT_EQ(matches[0].shift, shift);
    EXPECT_NEAR(matches[0].scale, 0.0283, 1e-9);
  }
  NpyTable reserved = interleaved();
  reserved.values.insert(reserved.values.begin(), 2 * 64, 0.0);
  reserved.rows += 2;
  const auto matches = check_table(reserved, "sinusoid", 0);
  EXPECT_THAT(names(matches), testing::ElementsAre("interleaved"));
  EXPECT_EQ(matches[0].shift, -2);
  EXPECT_EQ(matches[0].scale, 1.0);
}

TEST(Check, AWrongElementIsNamedWithTheNearestConvention) {
  NpyTable table = interleaved();
  table.values[40 * 64 + 3] += 0.01;
  table.values[41 * 64 + 5] -= 0.02;
  const auto matches = check_table(table, "sinusoid", 64);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].convention, "interleaved");
  EXPECT_EQ(matches[0].row, 40u);
  EXPECT_EQ(matches[0].column, 3u);
  EXPECT_NEAR(matches[0].error, 0.02, 1e-4);
  NpyTable zeros = table;
  std::ranges::fill(zeros.values, 0.0);
  EXPECT_TRUE(check_table(zeros, "sinusoid", 64)[0].row);
}

TEST(Check, TablesTooShortToTellMatchSeveral) {
  const auto row = reference::sinusoid({.halves = true, .tensor2tensor = true}, 64);
  EXPECT_EQ(names(check_table(table_of(row, 0, 1, 64), "sinusoid", 64)).size(), 2u);
  // One number is any other times something, which says nothing.
  EXPECT_TRUE(check_table({1, 1, 0x1p-24, {0.3}}, "alibi", 0)[0].row);
}

TEST(Check, TellsRopesPlanesApart) {
  const auto check = [](bool pairs, std::size_t head) {
    const auto row = reference::rope_tables({pairs, 16});
    return names(check_table(table_of(row, 0, 50, 32), "rope", head));
  };
  EXPECT_THAT(check(true, 16), testing::ElementsAre("pairs"));
  EXPECT_THAT(check(false, 16), testing::ElementsAre("halves"));
  EXPECT_THAT(check(false, 64), testing::ElementsAre("halves_quarter"));
  EXPECT_THAT(check(false, 0), testing::ElementsAre("halves"));
}

TEST(Check, TellsSlopesApart) {
  const auto column = [](const std::vector<long double>& slopes, double factor) {
    NpyTable table{slopes.size(), 1, 0x1p-24, {}};
    for (const long double slope : slopes) {
      table.values.push_back(static_cast<float>(factor * slope));
    }
    return table;
  };
  EXPECT_THAT(names(check_table(column(reference::alibi_slopes(12), 1), "alibi", 0)),
              testing::ElementsAre("get_slopes"));
  EXPECT_THAT(names(check_table(column(reference::alibi_geometric_slopes(12), 1), "alibi", 0)),
              testing::ElementsAre("2^(−8h/H)"));
  const auto negative = check_table(column(reference::alibi_slopes(8), -1), "alibi", 0);
  EXPECT_THAT(names(negative), testing::ElementsAre("get_slopes"));
  EXPECT_NEAR(negative[0].scale, -1, 1e-6);
}

TEST(Check, TellsBucketsApart) {
  const auto buckets = [](bool causal, long sign) {
    return table_of(
        [&](long query, std::span<long double> row) {
          for (long key = 0; key < 40; ++key) {
            row[static_cast<std::size_t>(key)] = reference::t5_bucket(sign * (key - query), causal);
          }
        },
        0, 40, 40);
  };
  EXPECT_THAT(names(check_table(buckets(false, 1), "t5_bias", 0)),
              testing::ElementsAre("bidirectional"));
  EXPECT_THAT(names(check_table(buckets(true, 1), "t5_bias", 0)), testing::ElementsAre("causal"));
  EXPECT_THAT(names(check_table(buckets(true, -1), "t5_bias", 0)),
              testing::ElementsAre("causal, of query minus key"));
}

TEST(Check, RefusesShapesThatAnEncodingCannotHave) {
  const auto says = [](const NpyTable& table, const std::string& encoding, std::size_t hidden,
                       const std::string& text) {
    EXPECT_THAT([&] { check_table(table, encoding, hidden); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr(text)));
  };
  const NpyTable three{1, 3, 0x1p-24, {0, 1, 0}};
  says(three, "sinusoid", 0, "3 columns are odd");
  says(three, "sinusoid", 768, "has 768 columns here, and this one has 3");
  says(three, "rope", 0, "no multiple of 4");
  says(interleaved(), "rope", 16, "has 32 columns here, and this one has 64");
  says(three, "alibi", 0, "has 1 columns here");
  says(three, "t5_bias", 0, "has 1 columns here");
  says(interleaved(), "t5_bias", 64, "has no width to state");
  says(three, "sinusiod", 0, "did you mean 'sinusoid'?");
}

}  // namespace
}  // namespace posbench
