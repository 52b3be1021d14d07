// What about a machine makes its numbers untrustworthy: the checks of `posbench doctor` that read
// /proc and /sys.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace posbench {

struct Finding {
  enum class Level {
    kGood,     ///< nothing to do
    kWarning,  ///< numbers are worse for it
    kFatal     ///< a run is impossible
  };
  Level level;
  std::string what;
  std::string advice;  ///< empty where nothing needs doing
};

/// Looks at steal, load, CPU pressure, cgroup limits and throttling, governor, heat, transparent
/// huge pages, memory and swap. `root` is "/" except in tests; steal is watched for `watch`. What a
/// machine does not tell is left out, or said to be unknown where that itself matters.
std::vector<Finding> check_machine(const std::filesystem::path& root,
                                   std::chrono::milliseconds watch);

}  // namespace posbench
