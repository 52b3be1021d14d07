// Position probes: how much of a token's position can be read off its vector by a linear map.
//
// Ridge regression with an intercept, by the normal equations; its strength is chosen on rows of
// their own, and the score is taken on a third group. Two targets: the position itself (R²), and
// which of 16 bands of positions it lies in (one-hot targets, the largest answer wins), which a
// code that is not monotone can tell too.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace posbench {

constexpr int kBands = 16;

/// Ridge regression of y (n, k) on x (n, d + 1), whose last column is of ones: the intercept.
class Ridge {
 public:
  Ridge(const Eigen::MatrixXd& x, const Eigen::MatrixXd& y);

  /// (d + 1, k). λ is `strength` times the sum of squares of a column, in the mean over the d; the
  /// intercept is not held back. So the strength means the same whatever the scale of x and n.
  Eigen::MatrixXd weights(double strength) const;

 private:
  Eigen::MatrixXd square_;   // xᵀx
  Eigen::MatrixXd product_;  // xᵀy
};

/// Vectors (n, d), row after row, with the position of each, and the group that a split must keep
/// together (a row of a table, a sentence).
struct ProbeRows {
  std::vector<double> vectors;
  std::vector<int> positions;         ///< (n), 0 … length − 1
  std::vector<std::uint32_t> groups;  ///< (n)
  std::size_t hidden = 0;             ///< d
  int length = 0;
};

struct ProbeScore {
  double r2;  ///< of the position; 1 − squared error over variance, below 0 if worse than the mean
  double band_accuracy;  ///< share of rows in the right band; by chance 1/16 where all are as full
  double strength;       ///< of Ridge, as chosen for the position
};

/// Half of the groups, drawn by the seed, fit; a quarter chooses λ; a quarter scores. Throws
/// UserError for fewer than 8 groups and for a single position.
ProbeScore probe_positions(const ProbeRows& rows, std::uint64_t seed);

/// The same places with vectors that know nothing: normal numbers of the same root mean square.
ProbeRows random_rows(const ProbeRows& like, std::uint64_t seed);

}  // namespace posbench
