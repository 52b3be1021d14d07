#include "encoder_cost/allocations.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> own = 0, libraries = 0;
}  // namespace

#ifndef __SANITIZE_ADDRESS__
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
// Where the executable begins and where its code ends, says the linker.
extern const char __executable_start, etext;
// glibc's own, under the names that stay when the others are replaced.
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t n, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace {

void count(const void* caller) {
  const bool ours = caller >= &__executable_start && caller < &etext;
  (ours ? own : libraries).fetch_add(1, std::memory_order_relaxed);
}

void* or_throw(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

extern "C" {
void* malloc(std::size_t bytes) noexcept {
  count(__builtin_return_address(0));
  return __libc_malloc(bytes);
}
void* calloc(std::size_t n, std::size_t bytes) noexcept {
  count(__builtin_return_address(0));
  return __libc_calloc(n, bytes);
}
void* realloc(void* block, std::size_t bytes) noexcept {
  count(__builtin_return_address(0));
  return __libc_realloc(block, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  count(__builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) noexcept {
  count(__builtin_return_address(0));
  void* taken = __libc_memalign(alignment, bytes);
  if (taken == nullptr) return ENOMEM;
  *block = taken;
  return 0;
}
}

// The library's forms would be the callers of malloc. Blocks go back through its operator delete,
// which is free().
void* operator new(std::size_t bytes) {
  count(__builtin_return_address(0));
  return or_throw(__libc_malloc(bytes));
}
void* operator new[](std::size_t bytes) {
  count(__builtin_return_address(0));
  return or_throw(__libc_malloc(bytes));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  count(__builtin_return_address(0));
  return or_throw(__libc_memalign(static_cast<std::size_t>(alignment), bytes));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  count(__builtin_return_address(0));
  return or_throw(__libc_memalign(static_cast<std::size_t>(alignment), bytes));
}
#endif

namespace posbench {

Allocations allocations() { return {own.load(), libraries.load()}; }

}  // namespace posbench
