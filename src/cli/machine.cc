#include "cli/machine.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "base/memory.h"

namespace posbench {
namespace fs = std::filesystem;
namespace {

using enum Finding::Level;
using Findings = std::vector<Finding>;

constexpr double kMiB = 1024.0 * 1024.0;

std::optional<std::string> first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  return line;
}

std::optional<double> number_in(const fs::path& file) {
  const auto line = first_line(file);
  double value = 0.0;
  if (!line ||
      std::from_chars(line->data(), line->data() + line->size(), value).ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

// "key value" or "key: value unit" lines, as in /proc/meminfo and cpu.stat.
std::map<std::string, double> numbers_by_key(const fs::path& file) {
  std::ifstream in(file);
  std::map<std::string, double> numbers;
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string key;
    double value = 0.0;
    if (!(fields >> key >> value)) continue;
    if (key.ends_with(':')) key.pop_back();
    numbers[key] = value;
  }
  return numbers;
}

struct CpuTime {
  double total = 0.0;
  double steal = 0.0;
};

// cpu user nice system idle iowait irq softirq steal …: guest time is part of user already.
CpuTime cpu_time(const fs::path& root) {
  std::istringstream fields(first_line(root / "proc/stat").value_or(""));
  std::string cpu;
  fields >> cpu;
  CpuTime time;
  double value = 0.0;
  for (int field = 0; field < 8 && fields >> value; ++field) {
    time.total += value;
    if (field == 7) time.steal = value;
  }
  return time;
}

double share(double part, double whole) { return whole > 0.0 ? part / whole : 0.0; }

void check_steal(const fs::path& root, std::chrono::milliseconds watch, Findings& findings) {
  const CpuTime before = cpu_time(root);
  if (before.total <= 0.0) return;
  std::this_thread::sleep_for(watch);
  const CpuTime after = cpu_time(root);
  const double now = share(after.steal - before.steal, after.total - before.total);
  const double ever = share(after.steal, after.total);
  const auto text = fmt::format("steal: {:.1f} % now, {:.1f} % since boot", 100 * now, 100 * ever);
  if (now > 0.01 || ever > 0.01) {
    findings.push_back({kWarning, text,
                        "the hypervisor gives this machine's cores to others; times get longer and "
                        "wider. Take dedicated cores, or run again at another hour"});
  } else {
    findings.push_back({kGood, text, ""});
  }
}

void check_load(const fs::path& root, Findings& findings) {
  const auto load = number_in(root / "proc/loadavg");
  if (!load) return;
  const auto text = fmt::format("load: {:.2f} over the last minute", *load);
  if (*load > 0.5) {
    findings.push_back({kWarning, text, "stop what else runs here before you measure times"});
  } else {
    findings.push_back({kGood, text, ""});
  }
}

// "some avg10=1.23 avg60=…": the share of time in which a task waited for a core.
void check_pressure(const fs::path& root, Findings& findings) {
  const auto line = first_line(root / "proc/pressure/cpu");
  if (!line) return;
  const auto at = line->find("avg10=");
  if (at == std::string::npos) return;
  double waiting = 0.0;
  std::from_chars(line->data() + at + 6, line->data() + line->size(), waiting);
  const auto text = fmt::format("CPU pressure: tasks waited {:.1f} % of the last 10 s", waiting);
  if (waiting > 5.0) {
    findings.push_back(
        {kWarning, text, "more wants to run than there are cores; use fewer --jobs"});
  } else {
    findings.push_back({kGood, text, ""});
  }
}

struct Limits {
  std::optional<double> cores;
  std::optional<double> memory_bytes;
  double throttled = 0.0;  // periods
};

// Version 2 has one tree (cpu.max: "QUOTA PERIOD" or "max PERIOD"), version 1 one per controller.
// In a container the own group is usually mounted at the top, so that is where to look.
Limits cgroup_limits(const fs::path& root) {
  Limits limits;
  const fs::path top = root / "sys/fs/cgroup";
  if (const auto line = first_line(top / "cpu.max")) {
    std::istringstream fields(*line);
    double quota = 0.0;
    double period = 0.0;
    if (fields >> quota >> period && period > 0.0) limits.cores = quota / period;
  } else {
    const auto quota = number_in(top / "cpu/cpu.cfs_quota_us");
    const auto period = number_in(top / "cpu/cpu.cfs_period_us");
    if (quota && period && *quota > 0.0 && *period > 0.0) limits.cores = *quota / *period;
  }
  if (const auto memory = memory_group(root)) {
    limits.memory_bytes = static_cast<double>(memory->limit);
  }
  for (const char* file : {"cpu.stat", "cpu/cpu.stat"}) {
    const auto numbers = numbers_by_key(top / file);
    if (const auto found = numbers.find("nr_throttled"); found != numbers.end()) {
      limits.throttled = found->second;
    }
  }
  return limits;
}

void check_cgroup(const Limits& limits, double memory_bytes, Findings& findings) {
  if (limits.cores) {
    findings.push_back(
        {kWarning, fmt::format("cgroup: limited to {:.2f} cores", *limits.cores),
         "the kernel stops a process that has used its share of a period; keep --jobs "
         "at or below this number, and give timings a container without --cpus"});
  } else {
    findings.push_back({kGood, "cgroup: no limit on CPU time", ""});
  }
  if (limits.throttled > 0.0) {
    findings.push_back({kWarning,
                        fmt::format("cgroup: throttled in {:.0f} periods so far", limits.throttled),
                        "times taken in such periods are too long; raise the CPU limit"});
  }
  if (limits.memory_bytes && *limits.memory_bytes < memory_bytes) {
    findings.push_back(
        {*limits.memory_bytes < 512 * kMiB ? kFatal : kWarning,
         fmt::format("cgroup: limited to {:.0f} MiB of memory", *limits.memory_bytes / kMiB),
         "a trial takes up to 512 MiB; keep --jobs small enough, or raise the limit"});
  }
}

void check_clock(const fs::path& root, Findings& findings) {
  const fs::path cpu = root / "sys/devices/system/cpu";
  const auto governor = first_line(cpu / "cpu0/cpufreq/scaling_governor");
  if (!governor) {
    findings.push_back({kWarning, "governor: unknown, this system shows no cpufreq",
                        "usual in a VM or container: the host sets the clock unseen. Trust ratios "
                        "within a block more than nanoseconds"});
  } else if (*governor != "performance") {
    findings.push_back(
        {kWarning, "governor: " + *governor,
         "the clock changes with the load; sudo cpupower frequency-set -g performance"});
  } else {
    findings.push_back({kGood, "governor: performance", ""});
  }
  double throttled = 0.0;
  std::error_code none;
  for (const auto& core : fs::directory_iterator(cpu, none)) {
    throttled += number_in(core.path() / "thermal_throttle/core_throttle_count").value_or(0.0);
  }
  if (throttled > 0.0) {
    findings.push_back({kWarning, fmt::format("heat: throttled {:.0f} times since boot", throttled),
                        "let the machine cool down, free its vents, and compare with a later run"});
  }
}

void check_huge_pages(const fs::path& root, Findings& findings) {
  const auto line = first_line(root / "sys/kernel/mm/transparent_hugepage/enabled");
  if (!line) return;
  if (line->find("[always]") != std::string::npos) {
    findings.push_back({kWarning, "transparent huge pages: always",
                        "whether a table gets huge pages is then luck, run by run; "
                        "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"});
  } else {
    const std::size_t open = line->find('[') + 1;
    findings.push_back(
        {kGood, "transparent huge pages: " + line->substr(open, line->find(']') - open), ""});
  }
}

void check_memory(const std::map<std::string, double>& kib, Findings& findings) {
  const auto get = [&](const std::string& key) {
    const auto found = kib.find(key);
    return found != kib.end() ? found->second / 1024 : 0.0;
  };
  if (kib.contains("MemAvailable")) {
    const double available = get("MemAvailable");
    const auto text = fmt::format("memory: {:.0f} MiB available", available);
    if (available < 512) {
      findings.push_back({kFatal, text, "a trial takes up to 512 MiB; stop other programs"});
    } else if (available < 2048) {
      findings.push_back({kWarning, text, "run with --jobs 1, or stop other programs"});
    } else {
      findings.push_back({kGood, text, ""});
    }
  }
  const double swapped = get("SwapTotal") - get("SwapFree");
  if (swapped > 64) {
    findings.push_back({kWarning, fmt::format("swap: {:.0f} MiB in use", swapped),
                        "measured pages may come from the disk; sudo swapoff -a, then swapon -a"});
  } else if (kib.contains("SwapTotal")) {
    findings.push_back({kGood, "swap: not in use", ""});
  }
}

}  // namespace

std::vector<Finding> check_machine(const fs::path& root, std::chrono::milliseconds watch) {
  Findings findings;
  const auto memory = numbers_by_key(root / "proc/meminfo");
  const auto total = memory.find("MemTotal");
  check_steal(root, watch, findings);
  check_load(root, findings);
  check_pressure(root, findings);
  check_cgroup(cgroup_limits(root), total != memory.end() ? total->second * 1024 : 0.0, findings);
  check_clock(root, findings);
  check_huge_pages(root, findings);
  check_memory(memory, findings);
  return findings;
}

}  // namespace posbench
