#include "base/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "base/error.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;

// A file that holds one number; none where it cannot be read or says "max".
std::optional<std::uint64_t> number_in(const fs::path& file) {
  std::ifstream stream(file);
  std::uint64_t value = 0;
  if (stream >> value) return value;
  return std::nullopt;
}

// The number behind `key` in a file of "key number" lines.
std::optional<std::uint64_t> number_behind(const fs::path& file, const std::string& key) {
  std::ifstream stream(file);
  std::string word;
  while (stream >> word) {
    std::uint64_t value = 0;
    if (word == key && stream >> value) return value;
  }
  return std::nullopt;
}

struct Version {
  const char* controllers;  // as /proc/self/cgroup names them
  const char* mount;
  const char *limit, *used, *droppable;
};
constexpr Version kVersions[] = {
    {"", "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {"memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file"}};

// This process's group, from a line "4:memory:/a/b" of /proc/self/cgroup ("0::/a/b" in version 2),
// without the leading slash.
fs::path own_group(const fs::path& root, const Version& version) {
  std::ifstream stream(root / "proc/self/cgroup");
  for (std::string line; std::getline(stream, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == version.controllers) {
      return fs::path(line.substr(second + 1)).relative_path();
    }
  }
  return {};
}

std::optional<MemoryGroup> group_in(const fs::path& folder, const Version& version) {
  const auto limit = number_in(folder / version.limit);
  // Version 1 says "no limit" by a number near 2^63.
  if (!limit || *limit > std::uint64_t{1} << 60) return std::nullopt;
  const std::uint64_t used = number_in(folder / version.used).value_or(0);
  const std::uint64_t droppable =
      number_behind(folder / "memory.stat", version.droppable).value_or(0);
  const std::uint64_t held = used - std::min(used, droppable);
  return MemoryGroup{*limit, *limit - std::min(*limit, held)};
}

}  // namespace

std::optional<MemoryGroup> memory_group(const fs::path& root) {
  std::optional<MemoryGroup> tightest;
  for (const Version& version : kVersions) {
    // From the own group up to the mount: a container sees its own group there, and no path below.
    for (fs::path group = own_group(root, version);; group = group.parent_path()) {
      const auto found = group_in(root / version.mount / group, version);
      if (found && (!tightest || found->available < tightest->available)) tightest = found;
      if (group.empty()) break;
    }
  }
  return tightest;
}

std::uint64_t available_memory_bytes(const fs::path& root) {
  std::uint64_t available = std::numeric_limits<std::uint64_t>::max();
  if (const auto kib = number_behind(root / "proc/meminfo", "MemAvailable:")) {
    available = 1024 * *kib;
  }
  if (const auto group = memory_group(root)) available = std::min(available, group->available);
  return available;
}

void require_memory(std::uint64_t needed, std::string_view what) {
  const std::uint64_t available = available_memory_bytes();
  if (needed <= available) return;
  constexpr double kGiB = 1 << 30;
  throw UserError(fmt::format(
      "{}: {} bytes of memory needed ({:.1f} GiB), {} available here ({:.1f} GiB); take a smaller "
      "shape or batch, fewer --jobs, or a machine with more",
      what, needed, static_cast<double>(needed) / kGiB, available,
      static_cast<double>(available) / kGiB));
}

}  // namespace posbench
