// Numbers that end where the memory ends: one element too many, read or written, stops the test at
// once.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

namespace posbench {

/// Copies `values` so that the last one touches a page that may not be touched. As few sizes are
/// multiples of a vector, the first one seldom lies at an aligned address.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::span<const T> values) : count_(values.size()) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t room = (count_ * sizeof(T) + page - 1) / page * page;
    bytes_ = room + page;
    base_ = static_cast<char*>(
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED) throw std::runtime_error("no memory for a guarded buffer");
    mprotect(base_ + room, page, PROT_NONE);
    data_ = reinterpret_cast<T*>(base_ + room) - count_;
    std::copy(values.begin(), values.end(), data_);
  }
  explicit Guarded(const std::vector<T>& values) : Guarded(std::span<const T>(values)) {}
  explicit Guarded(std::size_t count) : Guarded(std::vector<T>(count)) {}
  ~Guarded() { munmap(base_, bytes_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return data_; }
  std::size_t size() const { return count_; }
  T operator[](std::size_t i) const { return data_[i]; }
  std::vector<T> values() const { return {data_, data_ + count_}; }

 private:
  std::size_t count_;
  std::size_t bytes_ = 0;
  char* base_ = nullptr;
  T* data_ = nullptr;
};

}  // namespace posbench
