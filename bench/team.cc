#include "team.h"

#include <emmintrin.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace posbench {
namespace {

int team_size(int threads) {
  const int cores = usable_cores();
  if (threads < 0 || threads > cores) {
    throw UserError(fmt::format(
        "threads {} is not possible: this process may use {} cores; 0 takes all", threads, cores));
  }
  return threads == 0 ? cores : threads;
}

}  // namespace

Share partition(std::size_t n, int part, int parts) {
  const auto p = static_cast<std::size_t>(part), all = static_cast<std::size_t>(parts);
  const std::size_t each = n / all, longer = n % all;
  const std::size_t begin = p * each + std::min(p, longer);
  return {begin, begin + each + (p < longer ? 1 : 0)};
}

Team::Team(int threads) {
  const int members = team_size(threads), own = current_core(), cores = usable_cores();
  errors_.resize(static_cast<std::size_t>(members));
  busy_ = members - 1;
  try {
    // The caller last: a new thread inherits the binding of the one that starts it.
    for (int part = 1; part < members; ++part) {
      workers_.emplace_back(&Team::work, this, part, (own + part) % cores);
    }
    wait_for_workers();  // until all are pinned
    caller_.emplace(own);
  } catch (...) {
    dismiss_workers();
    throw;
  }
}

Team::~Team() { dismiss_workers(); }

void Team::dismiss_workers() noexcept {
  call_ = nullptr;
  turn_.fetch_add(1, std::memory_order_release);
  for (std::thread& worker : workers_) worker.join();
}

void Team::run_part(int part) noexcept {
  try {
    call_(body_, part, size());
  } catch (...) {
    errors_[static_cast<std::size_t>(part)] = std::current_exception();
  }
}

void Team::run_all() {
  busy_.store(size() - 1, std::memory_order_relaxed);
  turn_.fetch_add(1, std::memory_order_release);
  run_part(0);
  wait_for_workers();
}

void Team::wait_for_workers() {
  while (busy_.load(std::memory_order_acquire) > 0) _mm_pause();
  std::exception_ptr first;
  for (std::exception_ptr& error : errors_) {
    if (!first) first = error;
    error = nullptr;
  }
  if (first) std::rethrow_exception(first);
}

void Team::work(int part, int core) {
  std::optional<PinnedThread> pinned;
  try {
    pinned.emplace(core);
  } catch (...) {
    errors_[static_cast<std::size_t>(part)] = std::current_exception();
  }
  busy_.fetch_sub(1, std::memory_order_release);
  for (std::uint64_t turn = 0;;) {
    while (turn_.load(std::memory_order_acquire) == turn) _mm_pause();
    ++turn;
    if (call_ == nullptr) return;
    run_part(part);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace posbench
