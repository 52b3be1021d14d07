#include "task/probe.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "base/error.h"
#include "base/random.h"

namespace posbench {
namespace {

using Matrix = Eigen::MatrixXd;

// From hardly any to so much that little but the mean is left.
constexpr double kStrengths[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10};

// Some of the rows: x (n, d + 1) with the intercept behind, y (n, 1 + kBands): the position over
// the length, then one-hot bands.
struct Part {
  Matrix x, y;
};

Part part_of(const ProbeRows& rows, const std::vector<std::size_t>& chosen) {
  const auto n = static_cast<Eigen::Index>(chosen.size());
  const auto d = static_cast<Eigen::Index>(rows.hidden);
  Part part{Matrix(n, d + 1), Matrix::Zero(n, 1 + kBands)};
  for (Eigen::Index i = 0; i < n; ++i) {
    const std::size_t row = chosen[static_cast<std::size_t>(i)];
    for (Eigen::Index c = 0; c < d; ++c) {
      part.x(i, c) = rows.vectors[row * rows.hidden + static_cast<std::size_t>(c)];
    }
    part.x(i, d) = 1;
    const double place = static_cast<double>(rows.positions[row]) / rows.length;
    part.y(i, 0) = place;
    part.y(i, 1 + static_cast<Eigen::Index>(place * kBands)) = 1;
  }
  return part;
}

double r2_of(const Matrix& guess, const Part& part) {
  const Eigen::VectorXd y = part.y.col(0);
  const double spread = (y.array() - y.mean()).square().sum();
  return 1 - (guess.col(0) - y).squaredNorm() / spread;
}

double band_accuracy_of(const Matrix& guess, const Part& part) {
  double right = 0;
  for (Eigen::Index i = 0; i < guess.rows(); ++i) {
    Eigen::Index guessed = 0, band = 0;
    guess.row(i).tail(kBands).maxCoeff(&guessed);
    part.y.row(i).tail(kBands).maxCoeff(&band);
    right += guessed == band ? 1 : 0;
  }
  return right / static_cast<double>(guess.rows());
}

}  // namespace

Ridge::Ridge(const Matrix& x, const Matrix& y)
    : square_(x.transpose() * x), product_(x.transpose() * y) {}

Matrix Ridge::weights(double strength) const {
  const Eigen::Index d = square_.cols() - 1;
  Matrix ridged = square_;
  ridged.diagonal().head(d).array() += strength * square_.diagonal().head(d).mean();
  return ridged.ldlt().solve(product_);
}

ProbeScore probe_positions(const ProbeRows& rows, std::uint64_t seed) {
  constexpr std::size_t kLeast = 8;
  std::vector<std::uint32_t> groups(rows.groups);
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  if (groups.size() < kLeast) {
    throw UserError(fmt::format("a probe of {} rows or texts says nothing; take {} or more",
                                groups.size(), kLeast));
  }
  if (rows.length < 2) throw UserError("a probe of texts of one token has no position to tell");
  Random(seed, "probe").shuffle(std::span(groups));
  std::map<std::uint32_t, std::size_t> side;  // 0 fits, 1 chooses, 2 scores
  for (std::size_t g = 0; g < groups.size(); ++g) {
    side[groups[g]] = g < groups.size() / 2 ? 0 : g < groups.size() * 3 / 4 ? 1 : 2;
  }
  std::vector<std::size_t> chosen[3];
  for (std::size_t i = 0; i < rows.groups.size(); ++i) chosen[side[rows.groups[i]]].push_back(i);
  const Part fit = part_of(rows, chosen[0]), choose = part_of(rows, chosen[1]),
             score = part_of(rows, chosen[2]);

  const Ridge ridge(fit.x, fit.y);
  ProbeScore found{-INFINITY, 0, 0};
  double best_r2 = -INFINITY, best_bands = -INFINITY;
  for (const double strength : kStrengths) {
    const Matrix weights = ridge.weights(strength);
    const Matrix chosen_by = choose.x * weights, scored = score.x * weights;
    if (const double r2 = r2_of(chosen_by, choose); r2 > best_r2) {
      best_r2 = r2;
      found.r2 = r2_of(scored, score);
      found.strength = strength;
    }
    if (const double bands = band_accuracy_of(chosen_by, choose); bands > best_bands) {
      best_bands = bands;
      found.band_accuracy = band_accuracy_of(scored, score);
    }
  }
  return found;
}

ProbeRows random_rows(const ProbeRows& like, std::uint64_t seed) {
  double sum = 0;
  for (const double value : like.vectors) sum += value * value;
  const double rms = std::sqrt(sum / static_cast<double>(like.vectors.size()));
  Random random(seed, "random rows");
  ProbeRows rows = like;
  for (double& value : rows.vectors) value = rms * random.normal();
  return rows;
}

}  // namespace posbench
