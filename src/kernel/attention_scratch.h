// How the f32 and bf16 attention divides its memory: the same for every instruction set, so that
// sizes can be told before one is chosen.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernel/attention.h"
#include "kernel/attention_head.h"

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

/// Rows of sequence s that are keys and values only.
inline std::size_t cached_rows(const AttentionShape& shape, std::size_t s) {
  if (shape.cached.empty()) return 0;
  return std::min(static_cast<std::size_t>(shape.cached[s]), visible_rows(shape, s));
}

/// Numbers kept for one head: 2^(score − the row's largest), (queries, whole_lines(keys)), then
/// the inverse row sums of the queries, each an f32 in the room of two numbers.
inline std::size_t kept_per_head(std::size_t queries, std::size_t keys) {
  return queries * whole_lines(keys) + whole_lines(2 * queries);
}

/// `lines` cache lines, or one more: an odd number of them, for a column then meets all sets of a
/// cache.
inline std::size_t odd_lines(std::size_t lines) { return (lines / 2 * 2 + 1) * kLine; }

/// Row lengths of packed matrices.
struct Widths {
  Widths(std::size_t queries, std::size_t n, std::size_t size)
      : rows(whole_lines(n)),
        head(whole_lines(size)),
        keys(odd_lines(rows / kLine)),
        block_rows(std::min(queries, kQueryBlock)) {}

  std::size_t rows;        ///< n, in whole vectors
  std::size_t head;        ///< size of a head, in whole vectors
  std::size_t keys;        ///< a row of scores
  std::size_t block_rows;  ///< queries of a block
};

/// Row lengths where rows go by distance; 0 where there are no relative vectors.
struct DistanceWidths {
  DistanceWidths(const Distances& distances, std::size_t n) {
    const std::size_t count = distances.count();
    if (count == 0) return;
    // A tile's band begins at a whole vector, and what is read of it ends with one.
    packed = odd_lines(whole_lines(count + kQueryTile + 2 * kLine) / kLine);
    band = odd_lines(whole_lines(std::min(count, n + kQueryTile) + kQueryTile + 3 * kLine) / kLine);
  }

  std::size_t packed = 0;  ///< all distances
  std::size_t band = 0;    ///< those that a tile of queries meets
};

/// Which terms need memory.
struct TermWidths {
  TermWidths(const Distances& of_keys, const Distances& of_values, bool shifts, std::size_t n)
      : keys(of_keys, n), values(of_values, n), has_shifts(shifts) {}
  TermWidths(const HeadTerms& terms, std::size_t n)
      : TermWidths(terms.keys.distances, terms.values.distances, terms.has_shifts(), n) {}

  DistanceWidths keys, values;
  bool has_shifts;
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

// What stands behind scores, ds and slopes is written after them: the last of their rows may run
// over by less than a vector.

/// What forward works on, one head of one sequence at a time.
struct ForwardScratch {
  ForwardScratch(Pieces& pieces, const Widths& widths, const TermWidths& terms)
      : q(pieces.take(widths.rows * widths.head)),
        k(pieces.take(widths.rows * widths.head)),
        v(pieces.take(widths.rows * widths.head)),
        keys(pieces.take(widths.head * widths.keys)),
        scores(pieces.take(kQueryTile * widths.keys)),
        context(pieces.take(kQueryTile * widths.head)),
        bias(pieces.take(2 * widths.rows)),
        shifts(pieces.take(terms.has_shifts ? 2 * widths.head : 0)),
        relative_q(
            pieces.take(terms.has_shifts && terms.keys.packed > 0 ? widths.rows * widths.head : 0)),
        relative_rows(pieces.take(terms.keys.packed * widths.head)),
        relative_keys(pieces.take(widths.head * terms.keys.packed)),
        relative_scores(pieces.take(kQueryTile * terms.keys.band)),
        relative_values(pieces.take(terms.values.packed * widths.head)),
        by_distance(pieces.take(kQueryTile * terms.values.band)) {}

  float *q, *k, *v;        ///< (n, head)
  float* keys;             ///< Kᵀ (head, keys)
  float* scores;           ///< (kQueryTile, keys)
  float* context;          ///< (kQueryTile, head)
  float* bias;             ///< (2 · rows), by distance from −(n − 1) on
  float* shifts;           ///< q_bias + query_shift, q_bias + relative_shift: (2, head)
  float* relative_q;       ///< what meets the relative keys, where it is not q: (n, head)
  float* relative_rows;    ///< relative keys (packed, head) …
  float* relative_keys;    ///< … transposed (head, packed)
  float* relative_scores;  ///< (kQueryTile, band)
  float* relative_values;  ///< (packed, head)
  float* by_distance;      ///< weights (kQueryTile, band)
};

/// What backward works on.
struct BackwardScratch {
  BackwardScratch(Pieces& pieces, const Widths& widths, const TermWidths& terms)
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
        dbias(pieces.take(2 * widths.rows)),
        shifts(pieces.take(terms.has_shifts ? 2 * widths.head : 0)),
        dshifts(pieces.take(terms.has_shifts ? 2 * widths.head : 0)),
        relative_q(pieces.take(terms.keys.packed > 0 ? widths.rows * widths.head : 0)),
        relative_keys(pieces.take(terms.keys.packed * widths.head)),
        drelative_keys(pieces.take(terms.keys.packed * widths.head)),
        relative_dcontext(pieces.take(terms.values.packed > 0 ? widths.rows * widths.head : 0)),
        relative_rows(pieces.take(terms.values.packed * widths.head)),
        relative_values(pieces.take(widths.head * terms.values.packed)),
        relative_slopes(pieces.take(kQueryTile * terms.values.band)),
        drelative_values(pieces.take(terms.values.packed * widths.head)),
        by_distance(pieces.take(kQueryTile * std::max(terms.keys.band, terms.values.band))) {}

  float *q, *k, *v, *dcontext;  ///< (n, head)
  float* dcontext_rows;         ///< bf16 pairs only, as dcontext then pairs columns: (n, head / 2)
  float* values;                ///< Vᵀ (head, keys)
  float *p, *ds;                ///< (block_rows, keys)
  float* slopes;                ///< bf16 pairs only: (kQueryTile, keys)
  float* ds_rows;               ///< bf16 pairs only: (kQueryTile, keys / 2)
  float *dq, *dk, *dv;          ///< (n, head)
  float* inverse;               ///< (n)
  float* dbias;                 ///< (2 · rows), by distance from −(n − 1) on
  float* shifts;                ///< q_bias + query_shift, q_bias + relative_shift: (2, head)
  float* dshifts;               ///< sums of dQ and of its relative part: (2, head)
  // Products by distance are of f32 in either form, all but the slopes.
  float* relative_q;         ///< what meets the relative keys: (n, head)
  float* relative_keys;      ///< (packed, head)
  float* drelative_keys;     ///< (packed, head)
  float* relative_dcontext;  ///< dO', where it is not dcontext: (n, head)
  float* relative_rows;      ///< relative values (packed, head) …
  float* relative_values;    ///< … transposed (head, packed)
  float* relative_slopes;    ///< (kQueryTile, band)
  float* drelative_values;   ///< (packed, head)
  float* by_distance;        ///< weights, or gradients of scores: (kQueryTile, band)
};

}  // namespace posbench::attention_detail
