// Threads for timing: one on each core, pinned, and waiting awake, so that a call that takes a
// microsecond can be shared out and timed.
//
// Memory is NUMA-local by first touch: the system puts a page on the node of the thread that writes
// it first. Whoever allocates an array for a team (fresh pages, not yet written: a large
// std::malloc or mmap, not std::vector) lets the team write it once, with the partition that the
// timed call uses:
//
//     Team team(0);
//     team.run([&](int part, int parts) {
//       const Share rows = partition(length, part, parts);
//       std::fill(x + rows.begin * hidden, x + rows.end * hidden, 0.0f);
//     });
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "kernel/topology.h"

namespace posbench {

/// The indices begin <= i < end.
struct Share {
  std::size_t begin;
  std::size_t end;
  std::size_t size() const { return end - begin; }
};

/// The contiguous share of 0 … n-1 that `part` of `parts` gets: every index once, parts in order,
/// sizes that differ by at most one. Parts beyond n get nothing.
Share partition(std::size_t n, int part, int parts);

/// The calling thread, and workers that last as long as the team.
class Team {
 public:
  /// `threads` 1: the calling thread only; 0: one thread on each core that the process may use. The
  /// calling thread is pinned to the core on which it runs, until the team ends. Workers wait by
  /// spinning: build a team for what is timed, not for the life of the process. Throws UserError
  /// for fewer than 0 threads or more than there are cores.
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(part, size()) once for each part, each on its own thread, part 0 on the calling
  /// one, and returns when all are done. What a body throws is thrown here, after all are done;
  /// where several throw, the lowest part's. Not to be called from within a body.
  template <class Body>
  void run(Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    body_ = const_cast<void*>(static_cast<const void*>(std::addressof(body)));
    call_ = [](void* which, int part, int parts) { (*static_cast<Plain*>(which))(part, parts); };
    run_all();
  }

 private:
  void run_all();
  void run_part(int part) noexcept;
  void work(int part, int core);
  void wait_for_workers();
  void dismiss_workers() noexcept;

  // What caller and workers write stands on cache lines apart.
  static constexpr std::size_t kLine = 64;
  alignas(kLine) std::atomic<std::uint64_t> turn_{0};  ///< rises by one with each run
  void* body_ = nullptr;                               ///< both are read only after turn_ rose
  void (*call_)(void* body, int part, int parts) = nullptr;  ///< null: the workers end
  alignas(kLine) std::atomic<int> busy_{0};                  ///< workers that are not done
  alignas(kLine) std::vector<std::exception_ptr> errors_;    ///< by part
  std::optional<PinnedThread> caller_;
  std::vector<std::thread> workers_;
};

}  // namespace posbench
