#include "encoding_cost/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

namespace posbench {
namespace {

// Runs of rows to look at: begin, middle and end of the batch's positions. Runs begin where the
// recurrence starts afresh inside add_sinusoid, so that the same rows by themselves have the same
// bits.
std::vector<std::size_t> sampled_starts(std::size_t length) {
  const std::size_t last = (length - 1) / kRecurrencePeriod * kRecurrencePeriod;
  std::vector<std::size_t> starts = {0, last / 2 / kRecurrencePeriod * kRecurrencePeriod, last};
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  return starts;
}

void require_sum(const Arm& arm, const Arms& arms, BatchShape shape, std::size_t start,
                 const std::vector<float>& rows) {
  for (const std::size_t b : {std::size_t{0}, shape.batch - 1}) {
    const std::size_t at = (b * shape.length + start) * shape.hidden;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float expected = arms.x().data()[at + i] + rows[i];
      const float got = arms.y().data()[at + i];
      if (got == expected) continue;
      throw std::runtime_error(
          fmt::format("arm {} is wrong: at batch element {}, position {}, column {} it wrote {} "
                      "instead of {}",
                      arm.name, b, start + i / shape.hidden, i % shape.hidden, got, expected));
    }
  }
}

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

}  // namespace

Errors check_arms(Arms& arms, const Cell& cell) {
  const BatchShape shape = cell.shape;
  const std::size_t d = shape.hidden;
  Random random(cell.seed, "checked positions");
  std::array<std::int64_t, 3> far_starts{};
  for (std::int64_t& start : far_starts) {
    start = static_cast<std::int64_t>(random.below(1'000'000 - kRecurrencePeriod));
  }
  Errors errors;
  for (Arm& arm : arms.arms()) {
    arm.call();
    for (const std::size_t start : sampled_starts(shape.length)) {
      const std::size_t n = std::min(kRecurrencePeriod, shape.length - start);
      std::vector<float> rows(n * d, 0.0f);
      if (arm.name == "none") continue;
      if (arm.rows) arm.rows(static_cast<std::int64_t>(start), n, rows.data());
      require_sum(arm, arms, shape, start, rows);
      if (!arm.reference) continue;
      for (const std::size_t row : {n / 2, n - 1}) {
        const double error =
            error_at(arm, static_cast<std::int64_t>(start + row), rows.data() + row * d);
        double& largest = errors.below_length[arm.name];
        largest = std::max(largest, error);
      }
    }
    if (!arm.reference) continue;
    for (const std::int64_t start : far_starts) {
      constexpr std::size_t kLast = kRecurrencePeriod - 1;
      std::vector<float> rows(kRecurrencePeriod * d);
      arm.rows(start, kRecurrencePeriod, rows.data());
      double& largest = errors.below_a_million[arm.name];
      largest = std::max(largest, error_at(arm, start + static_cast<std::int64_t>(kLast),
                                           rows.data() + kLast * d));
    }
  }
  return errors;
}

}  // namespace posbench
