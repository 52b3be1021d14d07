// Encodings that enter at the attention scores, or turn queries and keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "encoding/alibi.h"
#include "encoding/encoding.h"
#include "encoding/t5_bias.h"

namespace posbench {
namespace {

TEST(Alibi, SlopesAreGeometricForPowersOfTwo) {
  EXPECT_THAT(alibi_slopes(4), testing::ElementsAre(1.0 / 4, 1.0 / 16, 1.0 / 64, 1.0 / 256));
  const std::vector<double> eight = alibi_slopes(8);
  for (std::size_t h = 0; h < 8; ++h)
    EXPECT_DOUBLE_EQ(eight[h], std::exp2(-1.0 - static_cast<double>(h)));
  EXPECT_THAT(alibi_slopes(1), testing::ElementsAre(1.0 / 256));
}

TEST(Alibi, SlopesOfTwelveHeadsBorrowFromSixteen) {
  const std::vector<double> twelve = alibi_slopes(12), eight = alibi_slopes(8);
  ASSERT_EQ(twelve.size(), 12u);
  EXPECT_TRUE(std::equal(eight.begin(), eight.end(), twelve.begin()));
  const double expected[] = {0.7071, 0.3536, 0.1768, 0.0884};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(twelve[8 + i], expected[i], 5e-5);
}

TEST(Alibi, BiasFallsWithTheDistanceOnBothSides) {
  const auto encoding = make_encoding<double>("alibi", {.hidden = 12, .heads = 3, .max_length = 5});
  const std::vector<double> slopes = alibi_slopes(3);
  const ScoreBias<double> bias = encoding->terms(0).by_distance;
  ASSERT_EQ(bias.reach, 5);
  for (int h = 0; h < 3; ++h) {
    for (int distance = -4; distance <= 4; ++distance) {
      EXPECT_EQ(bias.values[h * 9 + 4 + distance],
                -slopes[static_cast<std::size_t>(h)] * std::abs(distance));
    }
  }
}

// The first distance of each bucket, as the authors' code gives them.
TEST(T5Bias, BucketsBeginWhereTheyShould) {
  const auto edges = [](bool causal) {
    std::vector<long> firsts;
    int last = -1;
    for (long steps = 0; steps < 1000; ++steps) {
      const int bucket = t5_bucket(-steps, causal);
      EXPECT_TRUE(bucket == last || bucket == last + 1) << steps;
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
}

TEST(T5Bias, BucketsTellTheSidesApart) {
  EXPECT_EQ(t5_bucket(1, false), 17);
  EXPECT_EQ(t5_bucket(-1, false), 1);
  EXPECT_EQ(t5_bucket(1000, false), 31);
  EXPECT_EQ(t5_bucket(-1000, false), 15);
  for (long distance = 0; distance < 300; ++distance) EXPECT_EQ(t5_bucket(distance, true), 0);
}

TEST(T5Bias, BiasIsTheTrainedNumberOfTheBucketAndItsGradientGathersThere) {
  for (const bool causal : {false, true}) {
    const auto encoding = make_encoding<double>(
        "t5_bias", {.hidden = 4, .heads = 2, .causal = causal, .max_length = 150, .seed = 2});
    ASSERT_EQ(encoding->shared_size().count(), 64u);
    std::vector<double> values(64);
    encoding->initialize(values.data());
    encoding->begin_pass({values.data(), {}}, 150, true);
    const double* bias = encoding->terms(0).by_distance.values;
    double* gathered = encoding->term_gradients(0).by_distance;
    std::vector<double> expected(64, 0.5);
    for (std::size_t h = 0; h < 2; ++h) {
      for (long distance = -149; distance < 150; ++distance) {
        const auto bucket = static_cast<std::size_t>(t5_bucket(distance, causal));
        const std::size_t at = h * 299 + static_cast<std::size_t>(distance + 149);
        EXPECT_EQ(bias[at], values[bucket * 2 + h]);
        gathered[at] = static_cast<double>(at);
        expected[bucket * 2 + h] += static_cast<double>(at);
      }
    }
    std::vector<double> gradients(64, 0.5);
    encoding->end_pass({values.data(), {}}, {gradients.data(), {}});
    EXPECT_EQ(gradients, expected);
    encoding->begin_pass({values.data(), {}}, 150, true);
    EXPECT_EQ(gathered[7], 0.0);  // each step gathers anew
  }
}

constexpr int kSize = 16;

std::vector<double> random_row(const char* name) {
  Random random(5, name);
  std::vector<double> row(3 * kSize);
  for (double& value : row) value = random.normal();
  return row;
}

// The score of one query and one key behind the rotation of a head.
double turned_score(const std::string& convention, std::int32_t i, std::int32_t j,
                    std::vector<double> query, std::vector<double> key) {
  const auto encoding =
      make_encoding<double>("rope", {.convention = convention, .hidden = kSize, .max_length = 200});
  rotate(*encoding->rotation(), std::vector<std::int32_t>{i}, kSize, 1, nullptr, query.data());
  rotate(*encoding->rotation(), std::vector<std::int32_t>{j}, kSize, 1, nullptr, key.data());
  return std::inner_product(query.begin(), query.begin() + kSize, key.begin() + kSize, 0.0);
}

TEST(Rope, ScoresDependOnTheDistanceAlone) {
  const auto query = random_row("query"), key = random_row("key");
  for (const std::string convention : {"pairs", "halves", "halves_quarter"}) {
    const double score = turned_score(convention, 3, 11, query, key);
    EXPECT_NEAR(turned_score(convention, 3 + 150, 11 + 150, query, key), score, 1e-12);
    EXPECT_GT(std::abs(turned_score(convention, 3, 12, query, key) - score), 1e-3);
  }
}

TEST(Rope, HalvesArePairsBehindAPermutation) {
  const auto query = random_row("query"), key = random_row("key");
  const auto permuted = [](const std::vector<double>& row) {
    std::vector<double> halves = row;
    for (std::size_t part = 0; part < 2; ++part) {
      for (std::size_t i = 0; i < kSize / 2; ++i) {
        halves[part * kSize + i] = row[part * kSize + 2 * i];
        halves[part * kSize + kSize / 2 + i] = row[part * kSize + 2 * i + 1];
      }
    }
    return halves;
  };
  const double pairs = turned_score("pairs", 4, 90, query, key);
  EXPECT_NEAR(turned_score("halves", 4, 90, permuted(query), permuted(key)), pairs, 1e-12);
  EXPECT_GT(std::abs(turned_score("halves", 4, 90, query, key) - pairs), 1e-3);
}

// RoFormer's equation 34 by hand for one plane, and what a quarter leaves alone.
TEST(Rope, TurnsByThePositionTimesTheFrequency) {
  const auto encoding = make_encoding<double>("rope", {.hidden = 4, .max_length = 8});
  std::vector<double> row = {1, 0, 0, 2, 0, 0, 0, 0, 5, 6, 7, 8};
  rotate(*encoding->rotation(), std::vector<std::int32_t>{7}, 4, 1, nullptr, row.data());
  EXPECT_NEAR(row[0], std::cos(7.0), 1e-15);
  EXPECT_NEAR(row[1], std::sin(7.0), 1e-15);
  EXPECT_NEAR(row[2], -2 * std::sin(0.07), 1e-15);
  EXPECT_NEAR(row[3], 2 * std::cos(0.07), 1e-15);
  EXPECT_THAT(std::vector<double>(row.begin() + 8, row.end()), testing::ElementsAre(5, 6, 7, 8));

  const auto quarter =
      make_encoding<double>("rope", {.convention = "halves_quarter", .hidden = 8, .max_length = 4});
  std::vector<double> ones(24, 1.0);
  rotate(*quarter->rotation(), std::vector<std::int32_t>{3}, 8, 1, nullptr, ones.data());
  EXPECT_NE(ones[0], 1.0);
  EXPECT_NE(ones[1], 1.0);
  EXPECT_THAT(std::vector<double>(ones.begin() + 2, ones.begin() + 8), testing::Each(1.0));
}

TEST(Rope, HeadsThatHaveNoPairsAreRefused) {
  const auto says = [](const std::string& text) {
    return testing::ThrowsMessage<UserError>(testing::HasSubstr(text));
  };
  EXPECT_THAT([] { make_encoding<float>("rope", {.hidden = 9, .heads = 3}); },
              says("hidden / heads is a multiple of 2"));
  EXPECT_THAT([] { make_encoding<float>("rope", {.convention = "halves_quarter", .hidden = 12}); },
              says("hidden / heads is a multiple of 8"));
  EXPECT_THAT([] { make_encoding<float>("rope", {.convention = "half"}); },
              says("did you mean 'halves'?"));
  EXPECT_THAT([] { make_encoding<float>("alibi", {.hidden = 8, .heads = 3}); }, says("3 heads"));
  EXPECT_THAT([] { make_encoding<float>("alibi", {.convention = "pairs"}); },
              says("has one convention"));
}

// A batch of one head that sees two places beside [CLS], by hand: layer-normed rows are ±1.
TEST(Tupe, ScoresOfPlacesAreProductsOfTheirProjections) {
  const auto encoding = make_encoding<double>("tupe", {.hidden = 2, .max_length = 3});
  ASSERT_EQ(encoding->shared_size().count(), 3u * 2 + 2 * 2 + 2 * 4 + 2u);
  //                                  p            γ     β       U_Q         U_K       θ1  θ2
  const std::vector<double> values = {5, 5, 1, 3, 9,  7, 2, 3, 0.5, 0,
                                      1, 2, 3, 4, -1, 0, 0, 1, 7,   8};
  encoding->begin_pass({values.data(), {}}, 3, true);
  const ScoreTerms<double> terms = encoding->terms(0);
  ASSERT_EQ(terms.by_place.reach, 3);
  EXPECT_DOUBLE_EQ(terms.content_scale, 1 / std::sqrt(2.0));
  // Rows 1 and 2 are (−1, 1) and (1, −1) normed: (−1.5, 3) and (2.5, −3) behind γ and β.
  const double row[2][2] = {{-1.5, 3}, {2.5, -3}};
  const auto score = [&](std::size_t i, std::size_t j) {
    const double q[] = {row[i][0] * 1 + row[i][1] * 3, row[i][0] * 2 + row[i][1] * 4};
    const double k[] = {-row[j][0], row[j][1]};
    return (q[0] * k[0] + q[1] * k[1]) / 2;  // √(2 · size)
  };
  const double* bias = terms.by_place.values;
  EXPECT_THAT(std::vector<double>(bias, bias + 3), testing::Each(7));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(bias[3 * (i + 1)], 8);
    for (std::size_t j = 0; j < 2; ++j) {
      EXPECT_NEAR(bias[3 * (i + 1) + j + 1], score(i, j), 1e-10);
    }
  }
}

// Of the sum of its scores, each by a weight of its own.
TEST(Tupe, GradientAgreesWithFiniteDifferences) {
  const auto encoding =
      make_encoding<double>("tupe", {.hidden = 6, .heads = 2, .max_length = 4, .seed = 3});
  const std::size_t count = encoding->shared_size().count();
  std::vector<double> values(count), weights(2 * 4 * 4);
  Random random(5, "values");
  for (double& value : values) value = random.normal();
  for (double& weight : weights) weight = random.normal();
  const auto loss = [&] {
    encoding->begin_pass({values.data(), {}}, 4, true);
    return std::inner_product(weights.begin(), weights.end(), encoding->terms(0).by_place.values,
                              0.0);
  };
  loss();
  std::ranges::copy(weights, encoding->term_gradients(0).by_place);
  std::vector<double> gradients(count, 0.25);
  encoding->end_pass({values.data(), {}}, {gradients.data(), {}});
  for (std::size_t i = 0; i < count; ++i) {
    const double at = values[i];
    values[i] = at + 1e-5;
    const double above = loss();
    values[i] = at - 1e-5;
    EXPECT_NEAR((above - loss()) / 2e-5 + 0.25, gradients[i], 1e-6) << i;
    values[i] = at;
  }
}

}  // namespace
}  // namespace posbench
