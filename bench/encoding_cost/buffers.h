// Memory for measurements: huge pages where the kernel gives them, and a random start.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/random.h"
#include "team.h"

namespace posbench {

/// n floats, zero, at a random multiple of 64 bytes within a page: two buffers that happened to
/// share their low address bits would slow each other down in every call of a process, and only in
/// that process. Throws std::bad_alloc.
class Buffer {
 public:
  Buffer(std::size_t n, Random& random);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer& operator=(Buffer&&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  void* mapping_;
  std::size_t mapped_bytes_;
  float* data_;
  std::size_t size_;
};

/// As many copies of some values as make `total_bytes` (at least one). Walking through them, a call
/// finds none of the values in a cache that is smaller than that.
class Copies {
 public:
  /// Each thread of the team writes its share of every copy.
  Copies(std::span<const float> values, std::size_t total_bytes, Random& random, Team& team);
  /// The copy for call number `turn`.
  const float* at(std::size_t turn) const { return buffer_.data() + turn % count_ * stride_; }
  std::size_t count() const { return count_; }

 private:
  std::size_t stride_;  // floats, a multiple of a cache line
  std::size_t count_;
  Buffer buffer_;
};

}  // namespace posbench
