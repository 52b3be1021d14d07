#include "kernel/caches.h"

#include <unistd.h>

#include <fstream>
#include <string>

namespace posbench {
namespace {

// The data or unified cache of that level in /sys, 0 where there is none. Sizes read like "32768K".
std::size_t size_from_sys(int level) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    int found_level = 0;
    std::string type;
    std::ifstream(folder + "level") >> found_level;
    std::ifstream(folder + "type") >> type;
    if (found_level != level || type == "Instruction") continue;
    std::size_t size = 0;
    char unit = 'B';
    std::ifstream(folder + "size") >> size >> unit;
    return unit == 'K' ? size << 10 : unit == 'M' ? size << 20 : size;
  }
  return 0;
}

std::size_t size_of(int level, int sysconf_name, std::size_t fallback) {
  if (const std::size_t size = size_from_sys(level); size > 0) return size;
  const long size = sysconf(sysconf_name);
  return size > 0 ? static_cast<std::size_t>(size) : fallback;
}

}  // namespace

CacheSizes cache_sizes() {
  return {.l1d_bytes = size_of(1, _SC_LEVEL1_DCACHE_SIZE, std::size_t{32} << 10),
          .l2_bytes = size_of(2, _SC_LEVEL2_CACHE_SIZE, std::size_t{1} << 20),
          .l3_bytes = size_of(3, _SC_LEVEL3_CACHE_SIZE, std::size_t{32} << 20)};
}

}  // namespace posbench
