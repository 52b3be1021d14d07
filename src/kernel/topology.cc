#include "kernel/topology.h"

#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace posbench {
namespace {

struct FreeBitmap {
  void operator()(hwloc_bitmap_t set) const { hwloc_bitmap_free(set); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

Bitmap empty_set() { return Bitmap(hwloc_bitmap_alloc()); }

struct Core {
  Bitmap all;  ///< its usable hardware threads
  Bitmap one;  ///< the first of them
};

class Topology {
 public:
  Topology() {
    if (hwloc_topology_init(&topology_) != 0 || hwloc_topology_load(topology_) != 0) {
      throw std::runtime_error("hwloc cannot describe this machine");
    }
    const Bitmap usable = usable_set();
    for (hwloc_obj_t core = nullptr; (core = hwloc_get_next_obj_covering_cpuset_by_type(
                                          topology_, usable.get(), HWLOC_OBJ_CORE, core));) {
      add_core(core->cpuset, usable.get());
    }
    // A machine without the notion of a core: every hardware thread is one.
    if (cores_.empty()) {
      unsigned cpu = 0;
      hwloc_bitmap_foreach_begin(cpu, usable.get()) {
        const Bitmap one = empty_set();
        hwloc_bitmap_only(one.get(), cpu);
        add_core(one.get(), usable.get());
      }
      hwloc_bitmap_foreach_end();
    }
    const Bitmap nodes = empty_set();
    hwloc_cpuset_to_nodeset(topology_, usable.get(), nodes.get());
    numa_nodes_ = std::max(1, hwloc_bitmap_weight(nodes.get()));
  }
  ~Topology() { hwloc_topology_destroy(topology_); }
  Topology(const Topology&) = delete;
  Topology& operator=(const Topology&) = delete;

  hwloc_topology_t handle() const { return topology_; }
  int numa_nodes() const { return numa_nodes_; }
  const std::vector<Core>& cores() const { return cores_; }

  std::size_t cache_bytes(hwloc_obj_type_t level, std::size_t unknown) const {
    const int cpu = hwloc_bitmap_first(cores_.front().one.get());
    hwloc_obj_t above = hwloc_get_pu_obj_by_os_index(topology_, static_cast<unsigned>(cpu));
    while (above != nullptr && above->type != level) above = above->parent;
    const bool known = above != nullptr && above->attr->cache.size > 0;
    return known ? static_cast<std::size_t>(above->attr->cache.size) : unknown;
  }

 private:
  // What hwloc calls allowed knows of containers; the process's own binding knows of taskset.
  Bitmap usable_set() const {
    Bitmap usable(hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(topology_)));
    const Bitmap bound = empty_set();
    if (hwloc_get_cpubind(topology_, bound.get(), HWLOC_CPUBIND_PROCESS) == 0 &&
        hwloc_bitmap_intersects(usable.get(), bound.get())) {
      hwloc_bitmap_and(usable.get(), usable.get(), bound.get());
    }
    return usable;
  }

  void add_core(hwloc_const_cpuset_t core, hwloc_const_cpuset_t usable) {
    Bitmap all = empty_set();
    hwloc_bitmap_and(all.get(), core, usable);
    Bitmap one(hwloc_bitmap_dup(all.get()));
    hwloc_bitmap_singlify(one.get());
    cores_.push_back({std::move(all), std::move(one)});
  }

  hwloc_topology_t topology_ = nullptr;
  std::vector<Core> cores_;
  int numa_nodes_ = 1;
};

const Topology& topology() {
  static const Topology machine;
  return machine;
}

}  // namespace

CacheSizes cache_sizes() {
  const Topology& machine = topology();
  return {.l1d_bytes = machine.cache_bytes(HWLOC_OBJ_L1CACHE, std::size_t{32} << 10),
          .l2_bytes = machine.cache_bytes(HWLOC_OBJ_L2CACHE, std::size_t{1} << 20),
          .l3_bytes = machine.cache_bytes(HWLOC_OBJ_L3CACHE, std::size_t{32} << 20)};
}

int usable_cores() { return static_cast<int>(topology().cores().size()); }

int numa_nodes() { return topology().numa_nodes(); }

struct PinnedThread::Before {
  Bitmap binding;
};

PinnedThread::PinnedThread(int core) : before_(new Before{empty_set()}) {
  const auto handle = topology().handle();
  const auto& cores = topology().cores();
  if (hwloc_get_cpubind(handle, before_->binding.get(), HWLOC_CPUBIND_THREAD) != 0 ||
      hwloc_set_cpubind(handle, cores.at(static_cast<std::size_t>(core)).one.get(),
                        HWLOC_CPUBIND_THREAD) != 0) {
    throw std::runtime_error(std::string("cannot pin a thread to its core: ") +
                             std::strerror(errno));
  }
}

PinnedThread::~PinnedThread() {
  hwloc_set_cpubind(topology().handle(), before_->binding.get(), HWLOC_CPUBIND_THREAD);
}

int current_core() {
  const Bitmap here = empty_set();
  hwloc_get_last_cpu_location(topology().handle(), here.get(), HWLOC_CPUBIND_THREAD);
  const auto& cores = topology().cores();
  for (std::size_t core = 0; core < cores.size(); ++core) {
    if (hwloc_bitmap_intersects(cores[core].all.get(), here.get())) return static_cast<int>(core);
  }
  return 0;  // the system does not say
}

}  // namespace posbench
