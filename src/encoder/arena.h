// Working memory of one step: taken piece by piece, given back all at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/buffer.h"

namespace posbench {

/// Pieces start at multiples of 64 bytes. After the first steps have shown how much is needed, one
/// block holds it all and a step allocates nothing.
class Arena {
 public:
  static constexpr std::size_t kSmallestBlock = std::size_t{1} << 18;

  /// `shift` bytes are left free at the start of every block. Cost studies draw it at random (in
  /// multiples of 64) so that no arm profits from one lucky layout.
  explicit Arena(std::size_t shift = 0) : shift_(shift) {}

  /// n values, uninitialised, until the next reset.
  template <class T>
  T* take(std::size_t n) {
    const std::size_t bytes = piece_bytes(n * sizeof(T));
    if (blocks_.empty() || used_ + bytes > blocks_.back().size) {
      add_block(std::max(bytes + shift_, kSmallestBlock));
    }
    std::byte* piece = blocks_.back().data.get() + used_;
    used_ += bytes;
    taken_ += bytes;
    return reinterpret_cast<T*>(piece);
  }

  template <class T>
  T* take_zeroed(std::size_t n) {
    T* piece = take<T>(n);
    std::fill(piece, piece + n, T{});
    return piece;
  }

  /// Forgets all pieces; joins several blocks into one that holds what this step took.
  void reset() {
    if (blocks_.size() > 1) {
      blocks_.clear();
      add_block(taken_ + shift_);
    }
    taken_ = 0;
    used_ = shift_;
  }

  /// Of all blocks.
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Block& block : blocks_) sum += block.size;
    return sum;
  }

  /// What a piece of so many bytes takes.
  static constexpr std::size_t piece_bytes(std::size_t bytes) {
    return (bytes + kStep - 1) / kStep * kStep;
  }

 private:
  struct Free {
    std::size_t size;
    void operator()(std::byte* data) const { WalkedMemory<std::byte>().deallocate(data, size); }
  };
  struct Block {
    std::unique_ptr<std::byte[], Free> data;
    std::size_t size;
  };
  static constexpr std::size_t kStep = 64;

  void add_block(std::size_t size) {
    std::byte* data = WalkedMemory<std::byte>().allocate(size);
    blocks_.push_back({std::unique_ptr<std::byte[], Free>(data, Free{size}), size});
    used_ = shift_;
  }

  std::size_t shift_;
  std::vector<Block> blocks_;
  std::size_t taken_ = 0;  ///< bytes of all pieces since the last reset
  std::size_t used_ = 0;   ///< bytes of the last block
};

}  // namespace posbench
