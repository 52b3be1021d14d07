#include "memory_cost/counting.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>

namespace {

std::size_t live = 0;  // one thread

// Each block is preceded by its size, in a header as wide as the alignment so that the block stays
// aligned.
constexpr std::size_t kDefaultAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

void* take(std::size_t bytes, std::size_t alignment) {
  const std::size_t header = std::max(alignment, kDefaultAlignment);
  const std::size_t whole = (header + bytes + header - 1) / header * header;
  auto* start = static_cast<std::byte*>(std::aligned_alloc(header, whole));
  if (start == nullptr) throw std::bad_alloc();
  live += bytes;
  std::byte* block = start + header;
  *reinterpret_cast<std::size_t*>(block - sizeof(std::size_t)) = bytes;
  return block;
}

void give_back(void* block, std::size_t alignment) noexcept {
  if (block == nullptr) return;
  auto* bytes = static_cast<std::byte*>(block);
  live -= *reinterpret_cast<std::size_t*>(bytes - sizeof(std::size_t));
  std::free(bytes - std::max(alignment, kDefaultAlignment));
}

std::size_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::size_t kib = 0;
    if (word == key && status >> kib) return 1024 * kib;
  }
  return 0;
}

}  // namespace

// The array and nothrow forms of the library call these.
void* operator new(std::size_t bytes) { return take(bytes, kDefaultAlignment); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return take(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { give_back(block, kDefaultAlignment); }
void operator delete(void* block, std::size_t) noexcept { give_back(block, kDefaultAlignment); }
void operator delete(void* block, std::align_val_t alignment) noexcept {
  give_back(block, static_cast<std::size_t>(alignment));
}
void operator delete(void* block, std::size_t, std::align_val_t alignment) noexcept {
  give_back(block, static_cast<std::size_t>(alignment));
}

namespace posbench {

std::size_t live_bytes() { return live; }
std::size_t resident_bytes() { return status_bytes("VmRSS:"); }
std::size_t peak_resident_bytes() { return status_bytes("VmHWM:"); }
void reset_peak_resident_bytes() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace posbench
