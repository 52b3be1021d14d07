// Nothing is timed before it has been found right.
#pragma once

#include <map>
#include <string>

#include "encoding_cost/arms.h"

namespace posbench {

/// Largest absolute errors of the sinusoid arms, at sampled positions.
struct Errors {
  std::map<std::string, double> below_length;     ///< t < L
  std::map<std::string, double> below_a_million;  ///< t < 10^6
};

/// Calls every arm once and compares what it wrote; rows of sinusoids must lie within their
/// declared tolerance of the high-precision reference. Throws std::runtime_error naming arm,
/// position and sizes.
Errors check_arms(const std::vector<Arm>& arms, const Cell& cell);

}  // namespace posbench
