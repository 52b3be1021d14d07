// Provenance: on what machine and build a record was made, and how quiet it was meanwhile.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace posbench {

/// CPU, caches, memory, operating system, compiler, commit, libraries, and `id`, a digest of all
/// these: two timing records may form a ratio only where their ids are equal. A limit on the
/// instruction set is the trial's, not the host's. Memory is rounded to MiB, because a virtual
/// machine's total may differ by pages from boot to boot.
nlohmann::json describe_host();

/// UTC, "2026-11-22T21:00:00Z".
std::string utc_now();

/// Watches one trial: construct before, call `finish` after.
class Provenance {
 public:
  Provenance();
  /// {host, started, ended, core_seconds, peak_rss_bytes, steal_share, load_1min}
  nlohmann::json finish() const;

 private:
  struct CpuTicks {
    double steal;
    double total;
  };
  static CpuTicks cpu_ticks();

  std::string started_;
  CpuTicks ticks_;
};

}  // namespace posbench
