// Paired measurement: blocks of slices, run by Google Benchmark. A block runs every arm once, in
// random order, so that whatever the machine does meanwhile meets all arms alike; ratios are taken
// inside a block.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace posbench {

/// One arm: a function that runs a slice of it and returns the seconds of one call.
struct PacedArm {
  std::string name;
  std::function<double()> slice;
  bool slow = false;  ///< runs in every fifth block only
};

struct BlockPlan {
  std::string
      cell;  ///< what stands behind the arm in a benchmark's name: "d:128/L:512/B:1/state:hot"
  int blocks = 30;
  double max_seconds = 0;  ///< no block starts later than this, but five always run; 0 = no limit
  std::uint64_t seed = 0;  ///< of the order
  std::function<void(int block)> before_block;  ///< may be empty
};

struct Samples {
  std::vector<int> block;
  std::vector<double> ns;  ///< per call
};

struct Measured {
  std::map<std::string, Samples> arms;
  std::string google_benchmark_json;  ///< every sample in Google Benchmark's own format
};

Measured run_blocks(std::vector<PacedArm> arms, const BlockPlan& plan);

/// Writes Google Benchmark's JSON under `folder`/google_benchmark/<harness>-<cell>-<digest>.json,
/// the digest being that of `spec`, as other trials may have the same cell; nothing where `folder`
/// is empty.
void keep_google_benchmark_json(const Measured& measured, const std::string& folder,
                                const std::string& harness, const std::string& cell,
                                const nlohmann::json& spec);

/// Seconds since some fixed moment.
double seconds_now();

/// What two time stamps with nothing between them differ by, in seconds: the smallest of many.
double time_stamp_cost();

}  // namespace posbench
