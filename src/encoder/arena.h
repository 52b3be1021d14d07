// Working memory of one step: taken piece by piece, given back all at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace posbench {

/// Pieces start at multiples of 64 bytes. After the first steps have shown how much is needed, one
/// block holds it all and a step allocates nothing.
template <class Real>
class Arena {
 public:
  /// `shift` elements are left free at the start of every block. Cost studies draw it at random (in
  /// multiples of 16 elements) so that no arm profits from one lucky layout.
  explicit Arena(std::size_t shift = 0) : shift_(shift) {}

  /// n elements, uninitialised, until the next reset.
  Real* take(std::size_t n) {
    const std::size_t rounded = (n + kStep - 1) / kStep * kStep;
    if (blocks_.empty() || used_ + rounded > blocks_.back().size) {
      total_ += blocks_.empty() ? 0 : blocks_.back().size;
      add_block(std::max(rounded + shift_, kSmallestBlock));
    }
    Real* piece = blocks_.back().data.get() + used_;
    used_ += rounded;
    return piece;
  }

  Real* take_zeroed(std::size_t n) {
    Real* piece = take(n);
    std::fill(piece, piece + n, Real{0});
    return piece;
  }

  /// Forgets all pieces; joins several blocks into one that holds what this step took.
  void reset() {
    if (blocks_.size() > 1) {
      const std::size_t needed = total_ + blocks_.back().size;
      blocks_.clear();
      add_block(needed + shift_);
    }
    total_ = 0;
    used_ = shift_;
  }

 private:
  struct Free {
    void operator()(Real* data) const { operator delete[](data, std::align_val_t{64}); }
  };
  struct Block {
    std::unique_ptr<Real[], Free> data;
    std::size_t size;
  };
  static constexpr std::size_t kStep = 64 / sizeof(Real);
  static constexpr std::size_t kSmallestBlock = 1 << 16;

  void add_block(std::size_t size) {
    auto* data = static_cast<Real*>(operator new[](size * sizeof(Real), std::align_val_t{64}));
    blocks_.push_back({std::unique_ptr<Real[], Free>(data), size});
    used_ = shift_;
  }

  std::size_t shift_;
  std::vector<Block> blocks_;
  std::size_t total_ = 0;  ///< elements in all blocks but the last
  std::size_t used_ = 0;   ///< elements of the last block
};

}  // namespace posbench
