// The measurement proper: blocks of slices, run by Google Benchmark.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "encoding_cost/arms.h"
#include "encoding_cost/cell.h"

namespace posbench {

struct Samples {
  std::vector<int> block;
  std::vector<double> ns;  ///< per call
};

struct Measured {
  std::map<std::string, Samples> arms;
  std::string google_benchmark_json;  ///< every sample in Google Benchmark's own format
};

/// Runs cell.blocks blocks; a block runs each arm that is due once, in random order. No block
/// starts after cell.max_seconds, but at least five are run.
Measured run_blocks(Arms& arms, const Cell& cell);

/// An arm far slower than the others runs in every fifth block: its ratio to them is far from 1 and
/// needs fewer samples than it costs. Far slower: more than two slices a call and more than four
/// calls of the fastest arm.
inline bool is_slow(double seconds_per_call, double slice_seconds, double fastest_seconds) {
  return seconds_per_call > 2 * slice_seconds && seconds_per_call > 4 * fastest_seconds;
}
inline bool is_due(int block, bool slow) { return !slow || block % 5 == 0; }

}  // namespace posbench
