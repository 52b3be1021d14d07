#include "record/host.h"

#include <dnnl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <hwy/highway.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <boost/version.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/sha256.h"
#include "kernel/isa.h"
#include "kernel/topology.h"
#include "record/version.h"

namespace posbench {
namespace {
using nlohmann::json;

// The rest of the first line of `file` that starts with `key`, after its separator; "unknown" where
// absent.
std::string line_of(const std::string& file, const std::string& key, char separator) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(key)) continue;
    const auto at = line.find(separator);
    const auto start = line.find_first_not_of(" \t\"", at + 1);
    const auto end = line.find_last_not_of(" \t\"");
    if (at != std::string::npos && start != std::string::npos) {
      return line.substr(start, end - start + 1);
    }
  }
  return "unknown";
}

std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  return std::getline(in, line) ? line : "unknown";
}

// "always [madvise] never" -> "madvise"
std::string chosen_word(const std::string& line) {
  const auto open = line.find('[');
  const auto close = line.find(']');
  return open < close ? line.substr(open + 1, close - open - 1) : line;
}

std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

long memory_mib() {
  const std::string total = line_of("/proc/meminfo", "MemTotal", ':');
  return std::strtol(total.c_str(), nullptr, 10) / 1024;
}

}  // namespace

json describe_host() {
  utsname system{};
  uname(&system);
  const CacheSizes caches = cache_sizes();
  json host = {
      {"cpu_model", line_of("/proc/cpuinfo", "model name", ':')},
      {"cpu_family", line_of("/proc/cpuinfo", "cpu family", ':')},
      {"cpu_model_number", line_of("/proc/cpuinfo", "model\t", ':')},
      {"isa_available", available_isa()},
      {"cores", usable_cores()},
      {"numa_nodes", numa_nodes()},
      {"l1d_bytes", caches.l1d_bytes},
      {"l2_bytes", caches.l2_bytes},
      {"l3_bytes", caches.l3_bytes},
      {"memory_bytes", memory_mib() * 1024 * 1024},
      {"os", line_of("/etc/os-release", "PRETTY_NAME", '=')},
      {"kernel", system.release},
      {"governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
      {"thp", chosen_word(first_line("/sys/kernel/mm/transparent_hugepage/enabled"))},
      {"compiler", kVersion.compiler},
      {"flags", kVersion.flags},
      {"commit", kVersion.commit},
      {"dirty", kVersion.dirty},
      {"libraries",
       {{"onednn", onednn_version()},
        {"highway", fmt::format("{}.{}.{}", HWY_MAJOR, HWY_MINOR, HWY_PATCH)},
        {"boost", BOOST_LIB_VERSION},
        {"glibc", gnu_get_libc_version()}}},
  };
  host["id"] = sha256(host.dump()).substr(0, 12);
  return host;
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

Provenance::CpuTicks Provenance::cpu_ticks() {
  // cpu user nice system idle iowait irq softirq steal …
  std::istringstream line(first_line("/proc/stat"));
  std::string name;
  line >> name;
  CpuTicks ticks{0.0, 0.0};
  double value = 0.0;
  for (int field = 0; field < 8 && line >> value; ++field) {
    ticks.total += value;
    if (field == 7) ticks.steal = value;
  }
  return ticks;
}

Provenance::Provenance() : started_(utc_now()), ticks_(cpu_ticks()) {}

json Provenance::finish() const {
  const CpuTicks now = cpu_ticks();
  const double elapsed = now.total - ticks_.total;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  // Not ru_maxrss, which a child inherits from the process that started it.
  const std::string peak = line_of("/proc/self/status", "VmHWM", ':');
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  double load = 0.0;
  getloadavg(&load, 1);
  return {{"host", describe_host().at("id")},
          {"started", started_},
          {"ended", utc_now()},
          {"core_seconds", seconds(usage.ru_utime) + seconds(usage.ru_stime)},
          {"peak_rss_bytes", std::strtol(peak.c_str(), nullptr, 10) * 1024},
          {"steal_share", elapsed > 0 ? (now.steal - ticks_.steal) / elapsed : 0.0},
          {"load_1min", load}};
}

}  // namespace posbench
