// How much memory this process may still take, and the refusal of what would not fit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace posbench {

/// A control group that limits memory.
struct MemoryGroup {
  std::uint64_t limit;      ///< bytes
  std::uint64_t available;  ///< bytes up to the limit; what the kernel may drop counts as free
};

/// The tightest limit among this process's group and those around it, cgroup version 2 or 1; none
/// where nothing is limited. `root` is "/" except in tests.
std::optional<MemoryGroup> memory_group(const std::filesystem::path& root = "/");

/// Bytes that programs can take without swapping: the kernel's MemAvailable or what the groups
/// leave, whichever is less. The largest number where the system tells neither.
std::uint64_t available_memory_bytes(const std::filesystem::path& root = "/");

/// Throws UserError where `what` needs more bytes than are available, naming both and the way out.
void require_memory(std::uint64_t needed, std::string_view what);

}  // namespace posbench
