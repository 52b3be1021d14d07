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

/// Calls every arm once. Its output must equal x + its rows bit for bit, and its rows must lie
/// within its declared tolerance of the high-precision reference. Throws std::runtime_error naming
/// arm, position and sizes.
Errors check_arms(Arms& arms, const Cell& cell);

}  // namespace posbench
