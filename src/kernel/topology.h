// What of the machine this process can use, as hwloc sees it: caches, cores, NUMA nodes.
//
// The description is read once, at the first question (some milliseconds, and allocations: a
// process that counts its bytes asks afterwards), and answers for the process as it was then: cores
// that an affinity mask or a container keeps from it do not count.
#pragma once

#include <cstddef>
#include <memory>

namespace posbench {

struct CacheSizes {
  std::size_t l1d_bytes;
  std::size_t l2_bytes;
  std::size_t l3_bytes;  ///< of the part that this core can use, not of the socket
};

/// The caches of the first usable core. Where a level is unknown: 32 KiB, 1 MiB, 32 MiB.
CacheSizes cache_sizes();

/// Cores, not hardware threads, that this process may run on; at least 1. They are numbered from 0
/// so that neighbours share what they can: caches, then the NUMA node.
int usable_cores();

/// NUMA nodes that the usable cores belong to; at least 1.
int numa_nodes();

/// The usable core on which the calling thread runs right now.
int current_core();

/// Keeps the calling thread on one core (on one hardware thread of it) while it lives, and gives
/// back the binding from before. Create and destroy it in the same thread.
class PinnedThread {
 public:
  /// Throws std::runtime_error where the system refuses.
  explicit PinnedThread(int core);
  ~PinnedThread();
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;

 private:
  struct Before;
  std::unique_ptr<Before> before_;
};

}  // namespace posbench
