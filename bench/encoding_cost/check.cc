#include "encoding_cost/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace posbench {
namespace {

double error_at(const Arm& arm, std::int64_t t, const float* row) {
  const std::vector<double> exact = arm.reference(t);
  double largest = 0.0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(row[i]) - exact[i]));
  }
  if (largest <= arm.tolerance(t)) return largest;
  throw std::runtime_error(
      fmt::format("arm {} is off by {:.2g} at position {}; it allows itself {:.2g}", arm.name,
                  largest, t, arm.tolerance(t)));
}

// The error of the last of a run of rows, where a recurrence is at its worst.
double error_of_run(const Arm& arm, std::int64_t first, std::size_t rows, std::size_t d) {
  std::vector<float> values(rows * d);
  arm.rows(first, rows, values.data());
  return error_at(arm, first + static_cast<std::int64_t>(rows) - 1, values.data() + (rows - 1) * d);
}

}  // namespace

Errors check_arms(const std::vector<Arm>& arms, const Cell& cell) {
  const std::size_t d = cell.shape.hidden;
  const std::size_t last = (cell.shape.length - 1) / kRecurrencePeriod * kRecurrencePeriod;
  Random random(cell.seed, "checked positions");
  std::array<std::int64_t, 3> far_starts{};
  for (std::int64_t& start : far_starts) {
    start = static_cast<std::int64_t>(random.below(1'000'000 - kRecurrencePeriod));
  }
  Errors errors;
  for (const Arm& arm : arms) {
    if (arm.check) arm.check();
    if (!arm.reference) continue;
    double& near = errors.below_length[arm.name];
    for (const std::size_t start : {std::size_t{0}, last / 2, last}) {
      const std::size_t rows = std::min(kRecurrencePeriod, cell.shape.length - start);
      near = std::max(near, error_of_run(arm, static_cast<std::int64_t>(start), rows, d));
    }
    double& far = errors.below_a_million[arm.name];
    for (const std::int64_t start : far_starts) {
      far = std::max(far, error_of_run(arm, start, kRecurrencePeriod, d));
    }
  }
  return errors;
}

}  // namespace posbench
