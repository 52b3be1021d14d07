// How the f32 and bf16 attention divides its memory: the same for every instruction set, so that
// sizes can be told before one is chosen.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernel/attention.h"

namespace posbench::attention_detail {

/// f32 lanes of the widest vector, and of a cache line.
inline constexpr std::size_t kLine = 16;
/// Queries whose scores are in the nearest cache at a time.
inline constexpr std::size_t kQueryTile = 12;
/// Queries after which backward adds to the gradients of keys and values: enough to make the
/// addition cheap, few enough to keep their weights in the second cache.
inline constexpr std::size_t kQueryBlock = 12 * kQueryTile;

inline std::size_t whole_lines(std::size_t n) { return (n + kLine - 1) / kLine * kLine; }

/// Visible rows of sequence s.
inline std::size_t visible_rows(const AttentionShape& shape, std::size_t s) {
  const std::int32_t rows =
      shape.lengths.empty() ? shape.offsets[s + 1] - shape.offsets[s] : shape.lengths[s];
  return static_cast<std::size_t>(rows);
}

inline std::size_t head_size(const AttentionShape& shape) {
  return static_cast<std::size_t>(shape.hidden / shape.heads);
}

/// Numbers kept for one head over n rows: 2^(score − the row's largest), (n, whole_lines(n)), then
/// the n inverse row sums, each an f32 in the room of two numbers.
inline std::size_t kept_per_head(std::size_t n) { return n * whole_lines(n) + whole_lines(2 * n); }

/// Row lengths of packed matrices.
struct Widths {
  explicit Widths(std::size_t n, std::size_t size)
      : rows(whole_lines(n)),
        head(whole_lines(size)),
        // An odd number of cache lines: a column then meets all sets of a cache.
        keys(rows / kLine % 2 == 0 ? rows + kLine : rows),
        block_rows(std::min(n, kQueryBlock)) {}

  std::size_t rows;        ///< n, in whole vectors
  std::size_t head;        ///< size of a head, in whole vectors
  std::size_t keys;        ///< a row of scores
  std::size_t block_rows;  ///< queries of a block
};

/// Hands out consecutive pieces of memory, cache line by cache line; from null it only counts.
class Pieces {
 public:
  explicit Pieces(float* memory) : memory_(memory) {
    const auto past = reinterpret_cast<std::uintptr_t>(memory) / sizeof(float) % kLine;
    used_ = past == 0 && memory != nullptr ? 0 : kLine - past;
  }
  float* take(std::size_t count) {
    float* piece = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += whole_lines(count);
    return piece;
  }
  std::size_t used() const { return used_; }

 private:
  float* memory_;
  std::size_t used_;
};

/// What forward works on, one head of one sequence at a time.
struct ForwardScratch {
  ForwardScratch(Pieces& pieces, const Widths& widths)
      : q(pieces.take(widths.rows * widths.head)),
        k(pieces.take(widths.rows * widths.head)),
        v(pieces.take(widths.rows * widths.head)),
        keys(pieces.take(widths.head * widths.keys)),
        scores(pieces.take(kQueryTile * widths.keys)),
        context(pieces.take(kQueryTile * widths.head)),
        bias(pieces.take(2 * widths.rows)) {}

  float *q, *k, *v;  ///< (n, head)
  float* keys;       ///< Kᵀ (head, keys)
  float* scores;     ///< (kQueryTile, keys)
  float* context;    ///< (kQueryTile, head)
  float* bias;       ///< (2 · rows), by distance from −(n − 1) on
};

/// What backward works on.
struct BackwardScratch {
  BackwardScratch(Pieces& pieces, const Widths& widths)
      : q(pieces.take(widths.rows * widths.head)),
        k(pieces.take(widths.rows * widths.head)),
        v(pieces.take(widths.rows * widths.head)),
        dcontext(pieces.take(widths.rows * widths.head)),
        dcontext_rows(pieces.take(widths.rows * widths.head / 2)),
        values(pieces.take(widths.head * widths.keys)),
        p(pieces.take(widths.block_rows * widths.keys)),
        ds(pieces.take(widths.block_rows * widths.keys)),
        slopes(pieces.take(kQueryTile * widths.keys)),
        ds_rows(pieces.take(kQueryTile * widths.keys / 2)),
        dq(pieces.take(widths.rows * widths.head)),
        dk(pieces.take(widths.rows * widths.head)),
        dv(pieces.take(widths.rows * widths.head)),
        inverse(pieces.take(widths.rows)),
        dbias(pieces.take(2 * widths.rows)) {}

  float *q, *k, *v, *dcontext;  ///< (n, head)
  float* dcontext_rows;         ///< bf16 pairs only, as dcontext then pairs columns: (n, head / 2)
  float* values;                ///< Vᵀ (head, keys)
  float *p, *ds;                ///< (block_rows, keys)
  float* slopes;                ///< bf16 pairs only: (kQueryTile, keys)
  float* ds_rows;               ///< bf16 pairs only: (kQueryTile, keys / 2)
  float *dq, *dk, *dv;          ///< (n, head)
  float* inverse;               ///< (n)
  float* dbias;                 ///< (2 · rows), by distance from −(n − 1) on
};

}  // namespace posbench::attention_detail
