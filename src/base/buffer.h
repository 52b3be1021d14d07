// Memory for numbers that a kernel walks: aligned to cache lines, and on huge pages where it is
// large.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace posbench {

/// An allocator for std::vector. From 2 MiB on it starts at a huge page's boundary and asks the
/// kernel for huge pages: a walk over megabytes then costs no misses of the address cache.
template <class T>
struct WalkedMemory {
  using value_type = T;

  WalkedMemory() = default;
  template <class Other>
  explicit WalkedMemory(const WalkedMemory<Other>&) {}

  T* allocate(std::size_t n) {
    const std::size_t bytes = n * sizeof(T);
    void* data = ::operator new(bytes, alignment(bytes));
    // Refused advice costs speed, not correctness.
    if (bytes >= kHugePage) madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
    return static_cast<T*>(data);
  }
  void deallocate(T* data, std::size_t n) { ::operator delete(data, alignment(n * sizeof(T))); }

  bool operator==(const WalkedMemory&) const { return true; }

 private:
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  static std::align_val_t alignment(std::size_t bytes) {
    return std::align_val_t{bytes >= kHugePage ? kHugePage : 64};
  }
};

template <class T>
using Buffer = std::vector<T, WalkedMemory<T>>;

}  // namespace posbench
