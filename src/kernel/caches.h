// The sizes of this core's caches, for choosing what "cold" means.
#pragma once

#include <cstddef>

namespace posbench {

struct CacheSizes {
  std::size_t l1d_bytes;
  std::size_t l2_bytes;
  std::size_t l3_bytes;  ///< of the part that this core can use, not of the socket
};

/// From /sys/devices/system/cpu/cpu0/cache, which knows what the cores share; sysconf counts the
/// whole socket on some AMD machines and is asked only where /sys is silent. Where both are: 32
/// KiB, 1 MiB, 32 MiB.
CacheSizes cache_sizes();

}  // namespace posbench
