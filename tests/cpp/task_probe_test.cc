// Probes find what was planted, and nothing where nothing is.
#include "task/probe.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "dataset_helpers.h"
#include "encoding/encoding.h"

namespace posbench {
namespace {

ProbeRows table(int length, std::size_t hidden) {
  ProbeRows rows;
  rows.hidden = hidden;
  rows.length = length;
  rows.vectors.resize(static_cast<std::size_t>(length) * hidden);
  for (int t = 0; t < length; ++t) {
    rows.positions.push_back(t);
    rows.groups.push_back(static_cast<std::uint32_t>(t));
  }
  Random random(1, "noise");
  for (double& value : rows.vectors) value = random.normal();
  return rows;
}

// x = 1, 2, 3 (ones behind) has a sum of squares of 14 and, about its mean, of 2; with
// y = 0, 3, 6 the slope is 6 / (2 + 14 s), and the line goes through the means (2, 3).
TEST(Ridge, IsTheClosedForm) {
  const Eigen::MatrixXd x{{1, 1}, {2, 1}, {3, 1}}, y{{0, 6}, {3, 3}, {6, 0}};
  const Ridge ridge(x, y);
  for (const double strength : {0.0, 1.0 / 14, 1.0 / 7, 5.0}) {
    const double slope = 6 / (2 + 14 * strength);
    const Eigen::MatrixXd expected{{slope, -slope}, {3 - 2 * slope, 3 + 2 * slope}};
    EXPECT_TRUE(ridge.weights(strength).isApprox(expected, 1e-12)) << strength;
  }
}

TEST(Ridge, TakesTheMeanOverColumns) {
  // Orthogonal columns about means of 0, with sums of squares 4 and 16: λ = 10 s.
  const Eigen::MatrixXd x{{1, 2, 1}, {1, -2, 1}, {-1, 2, 1}, {-1, -2, 1}};
  const Eigen::MatrixXd y{{8}, {4}, {0}, {-4}};  // 2 + 4 x₀ + x₁
  const Eigen::MatrixXd expected{{4 * 4.0 / 9}, {16.0 / 21}, {2}};
  EXPECT_TRUE(Ridge(x, y).weights(0.5).isApprox(expected, 1e-12));
}

TEST(Probe, FindsAPlantedLine) {
  ProbeRows rows = table(400, 8);
  for (std::size_t t = 0; t < 400; ++t) rows.vectors[t * 8 + 3] += 0.1 * static_cast<double>(t);
  // Noise of deviation 1 on a line whose own is 0.1 · 400/√12 = 11.5: R² = 1 − 1/(1 + 133).
  EXPECT_NEAR(probe_positions(rows, 0).r2, 0.9925, 0.005);
}

TEST(Probe, ReadsBandsThatAreNoLine) {
  ProbeRows rows = table(640, 16);
  for (std::size_t t = 0; t < 640; ++t) {
    for (std::size_t i = 0; i < 16; ++i) rows.vectors[t * 16 + i] *= 0.1;
    rows.vectors[t * 16 + (t / 40 * 7) % 16] += 1;  // a code of its own for each band, mixed up
  }
  EXPECT_GT(probe_positions(rows, 0).band_accuracy, 0.98);
}

TEST(Probe, FindsNothingInNoise) {
  for (const std::uint64_t seed : {0, 1, 2}) {
    const ProbeScore score = probe_positions(random_rows(table(400, 64), seed), seed);
    EXPECT_LT(std::abs(score.r2), 0.15);
    EXPECT_NEAR(score.band_accuracy, 1.0 / kBands, 0.08);
  }
}

// What the field knows of the original encoder's table, and of one at random.
TEST(Probe, TellsPositionsFromASinusoidAndNotFromARandomTable) {
  ProbeRows rows = table(512, 768);
  EncodingOptions options;
  options.hidden = 768;
  options.max_length = 512;
  std::vector<float> added(rows.vectors.size(), 0.0F);
  make_encoding<float>("sinusoid", options)->forward(nullptr, rows.positions, added.data());
  rows.vectors.assign(added.begin(), added.end());
  const ProbeScore sinusoid = probe_positions(rows, 0);
  EXPECT_GT(sinusoid.r2, 0.9995);
  EXPECT_NEAR(sinusoid.band_accuracy, 0.97, 0.03);
  const ProbeScore random = probe_positions(random_rows(rows, 0), 0);
  EXPECT_NEAR(random.r2, 0, 0.1);
  EXPECT_NEAR(random.band_accuracy, 1.0 / kBands, 0.05);
}

// A row that stands there often is one group: a table learned by heart must not count as known.
TEST(Probe, KeepsGroupsTogether) {
  ProbeRows rows = table(40, 64);
  const ProbeRows once = rows;
  for (int copy = 0; copy < 9; ++copy) {
    rows.vectors.insert(rows.vectors.end(), once.vectors.begin(), once.vectors.end());
    rows.positions.insert(rows.positions.end(), once.positions.begin(), once.positions.end());
    rows.groups.insert(rows.groups.end(), once.groups.begin(), once.groups.end());
  }
  EXPECT_LT(probe_positions(rows, 0).r2, 0.3);
}

TEST(Probe, RepeatsItselfAndKeepsTheScale) {
  const ProbeRows rows = table(100, 8);
  EXPECT_EQ(probe_positions(rows, 5).r2, probe_positions(rows, 5).r2);
  EXPECT_NE(probe_positions(rows, 5).r2, probe_positions(rows, 6).r2);
  const ProbeRows random = random_rows(rows, 1);
  double sum = 0;
  for (const double value : random.vectors) sum += value * value;
  EXPECT_NEAR(std::sqrt(sum / static_cast<double>(random.vectors.size())), 1, 0.1);
  EXPECT_EQ(random.vectors, random_rows(rows, 1).vectors);
}

TEST(Probe, NeedsRows) {
  EXPECT_THAT(message_of<UserError>([] { probe_positions(table(7, 4), 0); }),
              testing::HasSubstr("a probe of 7 rows or texts says nothing"));
  ProbeRows words = table(9, 4);
  std::fill(words.positions.begin(), words.positions.end(), 0);
  words.length = 1;
  EXPECT_THAT(message_of<UserError>([&] { probe_positions(words, 0); }),
              testing::HasSubstr("no position to tell"));
}

}  // namespace
}  // namespace posbench
