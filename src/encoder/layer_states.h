// What a causal encoder remembers of the text before a batch (Dai 2019, Transformer-XL, §3.2).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "encoder/layout.h"

namespace posbench {

/// The last rows that each layer's attention has read of each sequence, at most `rows` of them. A
/// pass that is given them takes them for further keys and values, to whose making no gradient
/// goes back, and leaves its own rows in them for the pass over the next segment of each text.
template <class Real>
class LayerStates {
 public:
  LayerStates(const EncoderShape& shape, std::size_t sequences, std::size_t rows)
      : layers_(static_cast<std::size_t>(shape.layers)),
        hidden_(static_cast<std::size_t>(shape.hidden)),
        rows_(rows),
        cached_(sequences, 0),
        values_(layers_ * sequences * rows * hidden_) {}

  std::size_t layers() const { return layers_; }
  std::size_t hidden() const { return hidden_; }
  std::size_t sequences() const { return cached_.size(); }
  /// Rows that are held of each sequence.
  std::span<const std::int32_t> cached() const { return cached_; }
  std::size_t bytes() const { return values_.size() * sizeof(Real); }

  /// (cached()[sequence], d), oldest first.
  const Real* of(std::size_t layer, std::size_t sequence) const {
    return values_.data() + place(layer, sequence);
  }

  /// Texts begin anew.
  void clear() { std::ranges::fill(cached_, 0); }
  void clear(std::size_t sequence) { cached_[sequence] = 0; }

  /// Puts the last rows of x (n, d) behind those that are held. cached() follows with advance(),
  /// when every layer has done so.
  void append(std::size_t layer, std::size_t sequence, const Real* x, std::size_t n) {
    Real* values = values_.data() + place(layer, sequence);
    const auto held = static_cast<std::size_t>(cached_[sequence]);
    const std::size_t added = std::min(n, rows_), stay = std::min(held, rows_ - added);
    std::copy_n(values + (held - stay) * hidden_, stay * hidden_, values);
    std::copy_n(x + (n - added) * hidden_, added * hidden_, values + stay * hidden_);
  }
  void advance(std::size_t sequence, std::size_t n) {
    const std::size_t rows = static_cast<std::size_t>(cached_[sequence]) + n;
    cached_[sequence] = static_cast<std::int32_t>(std::min(rows_, rows));
  }

 private:
  std::size_t place(std::size_t layer, std::size_t sequence) const {
    return (layer * sequences() + sequence) * rows_ * hidden_;
  }

  std::size_t layers_, hidden_, rows_;
  std::vector<std::int32_t> cached_;  // (S)
  Buffer<Real> values_;               // (layers, S, rows, d)
};

}  // namespace posbench
