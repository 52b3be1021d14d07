// The sinusoid in 50-digit arithmetic: what every other way to make it is measured against.
//
// Each pair (sin t ω, cos t ω) starts from MPFR's correctly rounded functions and is turned by ω
// from row to row, sin (t + 1) ω = sin t ω cos ω + cos t ω sin ω. A turn costs six operations
// instead of two transcendental functions and loses a unit in the last of 50 digits, so that a
// million turns would leave 44. No f32 or f64 value enters: ω is made with 50 digits too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/sinusoid.h"

namespace posbench {

class ExactSinusoid {
 public:
  explicit ExactSinusoid(Sinusoid sinusoid);
  ~ExactSinusoid();
  ExactSinusoid(const ExactSinusoid&) = delete;
  ExactSinusoid& operator=(const ExactSinusoid&) = delete;

  /// Rows first … first + rows − 1 (rows, d), each value rounded once, to f64: within 1.2e-16.
  /// About 0.1 µs a value, and 5 µs for each of the first row. Throws std::bad_alloc.
  std::vector<double> rows(std::int64_t first, std::size_t rows) const;

 private:
  struct Turn;
  Sinusoid sinusoid_;
  std::vector<Turn> turns_;  // (d/2)
};

}  // namespace posbench
