// What the parts of an engine share: values and gradients, the block that runs, the memory that it
// runs in, and the matrix products.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "encoder/arena.h"
#include "encoder/engine.h"
#include "encoder/layer_states.h"
#include "kernel/matmul.h"
#include "kernel/vector_ops.h"

namespace posbench {

inline std::size_t as_size(int n) { return static_cast<std::size_t>(n); }

template <class T>
void zero_rows(T* x, std::size_t first, std::size_t last, std::size_t d) {
  std::fill(x + first * d, x + last * d, T{});
}

// Rows (n, d) of the residual stream, and the same as products read them: where that is the same
// type, the same memory; null where no product reads them.
template <class Real, class Stored>
struct Rows {
  Real* value;
  Stored* stored;

  Bf16* copy() const {
    if constexpr (std::is_same_v<Real, Stored>)
      return nullptr;
    else
      return stored;
  }
};

// Stored is what matrix products read: Real itself, or bf16.
template <class Real, class Stored>
class Workspace {
 public:
  static constexpr bool kSame = std::is_same_v<Real, Stored>;

  Workspace(const EngineModel<Real>& its_model, PartClock& its_clock)
      : model(its_model),
        at(its_model.layout),
        d(as_size(its_model.shape.hidden)),
        ff(as_size(its_model.shape.feed_forward)),
        classes(as_size(its_model.shape.classes)),
        clock(its_clock) {
    if constexpr (!kSame) stored.resize(at.parameters.buffer_size());
  }

  const EngineModel<Real> model;
  const EncoderLayout& at;
  const std::size_t d, ff, classes;
  PartClock& clock;
  Buffer<Bf16> stored;  // the values in bf16
  Matmul matmul;
  std::uint64_t step = 0;  // of training

  const Real* values = nullptr;
  Real* gradients = nullptr;            // null: inference
  LayerStates<Real>* states = nullptr;  // null: nothing went before
  Block block{};
  std::size_t n = 0;    // the block's rows in whole steps
  Arena kept, scratch;  // until the next block; until the next layer

  bool trains() const { return gradients != nullptr; }
  /// What backward reads is kept; without it, a layer's memory serves the next one too.
  Arena& arena() { return trains() ? kept : scratch; }
  bool norm_first() const { return model.system.norm_first; }

  std::span<const std::int32_t> positions(const Batch& batch) const {
    return std::span(batch.positions).subspan(block.first_row, block.rows());
  }

  const Stored* weight(std::size_t offset) const {
    if constexpr (kSame)
      return values + offset;
    else
      return stored.data() + offset;
  }

  // y (rows, out) = x (rows, in) W
  template <class Out>
  void product(const Stored* x, const LinearOffsets& of, std::size_t in, std::size_t out, Out* y,
               std::size_t rows) {
    matmul.by_weights({false, false, rows, out, in, false}, x, weight(of.weight), y);
  }

  // dx (rows, in) = dy (rows, out) Wᵀ, or dx += that
  template <class Out>
  void product_backward(const Stored* dy, const LinearOffsets& of, std::size_t in, std::size_t out,
                        Out* dx, std::size_t rows, bool adds) {
    matmul.by_weights({false, true, rows, in, out, adds}, dy, weight(of.weight), dx);
  }

  // dW (in, out) = xᵀ dy in a step's first block, += in the others.
  void weight_gradient(const Stored* x, const Stored* dy, const LinearOffsets& of, std::size_t in,
                       std::size_t out, std::size_t rows) {
    matmul({true, false, in, out, rows, block.first_sequence > 0}, x, dy, gradients + of.weight);
  }

  Rows<Real, Stored> take_rows(Arena& from) {
    Rows<Real, Stored> rows{from.take<Real>(n * d), nullptr};
    if constexpr (kSame)
      rows.stored = rows.value;
    else
      rows.stored = from.take<Stored>(n * d);
    return rows;
  }

  // The residual stream where norms stand first: no product reads it.
  Rows<Real, Stored> take_stream(Arena& from) {
    if (!norm_first()) return take_rows(from);
    return {from.take<Real>(n * d), nullptr};
  }

  bool drops() const { return trains() && model.dropout > 0; }
  // A stream of random numbers for each place and step. Place 0 stands behind the embedding, each
  // layer has two.
  static constexpr std::size_t kPlacesPerLayer = 2;
  void drop(Real* x, std::size_t place) const {
    const std::uint64_t stream =
        model.seed * 0x9E3779B97F4A7C15u + step * (kPlacesPerLayer * at.layers.size() + 1) + place;
    dropout(x, block.rows() * d, static_cast<Real>(model.dropout), stream, block.first_row * d);
  }
};

}  // namespace posbench
