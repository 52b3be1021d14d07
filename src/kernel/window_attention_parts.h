// How sliding-window attention divides its work and its memory: the same for every instruction set.
//
// A head of a sequence takes two passes, one for the local queries and one for the global ones. In
// either, a query sees some keys in front and a band of keys around its own place; to a global
// query nothing is in front, and the band is the whole sequence.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernel/attention_head.h"
#include "kernel/attention_scratch.h"

namespace posbench::attention_detail {

/// Queries whose scores stand in columns of the same keys, and after which backward adds to the
/// gradients of keys and values: more make the addition cheaper and the columns more.
inline constexpr std::size_t kBandBlock = 4 * kQueryTile;

/// Some queries, and which keys they see. Scores of a query stand in a row of `width` columns:
/// first those of the keys in front, in whole lines; then those of the keys from origin() of its
/// block on.
struct Pass {
  std::size_t n;            ///< keys
  std::size_t first, rows;  ///< queries first … first + rows − 1
  std::size_t front;        ///< keys 0 … front − 1 are seen by all; no query of the pass is one
  std::size_t window;       ///< and others up to this far from the query
  std::size_t front_width, width;

  /// The global queries of a sequence of n rows.
  static Pass of_globals(std::size_t n, std::size_t globals) {
    return {n, 0, globals, 0, n, 0, whole_lines(n)};
  }
  /// All others.
  static Pass of_others(std::size_t n, std::size_t globals, std::size_t window) {
    // A block begins up to a line below the first key that it sees. No product may overflow where a
    // window is far longer than the sequence.
    const std::size_t near = std::min(window, n);
    const std::size_t band = std::min(whole_lines(n), whole_lines(2 * near + kBandBlock + kLine));
    const std::size_t front_width = whole_lines(globals);
    return {n, globals, n - globals, globals, near, front_width, front_width + band};
  }

  /// The band of query i: keys begin(i) … end(i) − 1.
  std::size_t begin(std::size_t i) const { return std::max(front, i - std::min(i, window)); }
  std::size_t end(std::size_t i) const { return std::min(n, i + window + 1); }
  /// The first key whose scores are computed for queries from i on: a line of columns begins there.
  std::size_t origin(std::size_t i) const { return begin(i) / kLine * kLine; }
};

/// The passes of one head over n rows, and where in what forward keeps their parts begin: for each
/// query 2^(score − the row's largest) in a row of the pass's width, then the n inverse row sums,
/// each an f32 in the room of two numbers.
struct WindowPasses {
  WindowPasses(std::size_t n, std::size_t global_rows, std::size_t window)
      : others(Pass::of_others(n, global_rows, window)),
        globals(Pass::of_globals(n, global_rows)),
        kept_globals(others.rows * others.width),
        kept_sums(kept_globals + global_rows * globals.width),
        kept(kept_sums + whole_lines(2 * n)) {}

  Pass others, globals;
  std::size_t kept_globals, kept_sums;
  std::size_t kept;  ///< numbers in all
};

/// Q, K and V (n, size) of one head of one sequence, and what is added to them (size); may be null.
template <class Stored>
struct Projections {
  Window<const Stored> q, k, v;
  const float *q_bias, *k_bias, *v_bias;
};

/// Where their gradients go. Those of the biases are added, unless null.
template <class Stored>
struct ProjectionGradients {
  Window<Stored> q, k, v;
  float *q_bias, *k_bias, *v_bias;
};

template <class Stored>
struct WindowForwardHead {
  WindowPasses passes;
  Projections<Stored> local, global;
  bool shared;             ///< global is local
  Stored* weights;         ///< WindowPasses::kept numbers; null: not kept
  Window<Stored> context;  ///< (n, size)
};

template <class Stored>
struct WindowBackwardHead {
  WindowPasses passes;
  Projections<Stored> local, global;
  bool shared;
  Window<const Stored> dcontext;  ///< (n, size)
  const Stored* weights;
  ProjectionGradients<Stored> dlocal, dglobal;
};

/// Row lengths of packed matrices: Kᵀ and Vᵀ, and scores of either pass.
struct WindowWidths {
  WindowWidths(const WindowPasses& passes, std::size_t size)
      : sequence(passes.others.n, passes.others.n, size),
        score_columns(std::max(stride(passes.others), stride(passes.globals))),
        // The global pass has wide rows, but few of them.
        scores(std::max(scores_of(passes.others), scores_of(passes.globals))) {}

  /// A row of scores of this pass.
  static std::size_t stride(const Pass& pass) { return odd_lines(whole_lines(pass.width) / kLine); }
  static std::size_t scores_of(const Pass& pass) {
    return std::min(pass.rows, kBandBlock) * stride(pass);
  }

  Widths sequence;
  std::size_t score_columns;  ///< of the wider pass
  std::size_t scores;         ///< numbers for all rows of a block, of either pass
};

/// What forward works on, one head of one sequence at a time.
struct WindowForwardScratch {
  WindowForwardScratch(Pieces& pieces, const WindowWidths& widths)
      : q(pieces.take(kBandBlock * widths.sequence.head)),
        k(pieces.take(widths.sequence.rows * widths.sequence.head)),
        v(pieces.take(widths.sequence.rows * widths.sequence.head)),
        keys(pieces.take(widths.sequence.head * widths.sequence.keys)),
        scores(pieces.take(kQueryTile * widths.score_columns)),
        context(pieces.take(kQueryTile * widths.sequence.head)) {}

  float* q;        ///< (kBandBlock, head)
  float *k, *v;    ///< (n, head)
  float* keys;     ///< Kᵀ (head, keys)
  float* scores;   ///< (kQueryTile, width)
  float* context;  ///< (kQueryTile, head)
};

/// What backward works on.
struct WindowBackwardScratch {
  WindowBackwardScratch(Pieces& pieces, const WindowWidths& widths)
      : q(pieces.take(kBandBlock * widths.sequence.head)),
        dcontext(pieces.take(kBandBlock * widths.sequence.head)),
        dcontext_rows(pieces.take(kBandBlock * widths.sequence.head / 2)),
        dq(pieces.take(kBandBlock * widths.sequence.head)),
        k(pieces.take(widths.sequence.rows * widths.sequence.head)),
        v(pieces.take(widths.sequence.rows * widths.sequence.head)),
        values(pieces.take(widths.sequence.head * widths.sequence.keys)),
        p(pieces.take(widths.scores)),
        ds(pieces.take(widths.scores)),
        slopes(pieces.take(kQueryTile * widths.score_columns)),
        ds_rows(pieces.take(kQueryTile * widths.score_columns / 2)),
        dk(pieces.take(widths.sequence.rows * widths.sequence.head)),
        dv(pieces.take(widths.sequence.rows * widths.sequence.head)),
        inverse(pieces.take(widths.sequence.rows)) {}

  float *q, *dcontext;  ///< (kBandBlock, head)
  float*
      dcontext_rows;  ///< bf16 pairs only, as dcontext then pairs columns: (kBandBlock, head / 2)
  float* dq;          ///< (kBandBlock, head)
  float *k, *v;       ///< (n, head)
  float* values;      ///< Vᵀ (head, keys)
  float *p, *ds;      ///< (kBandBlock, width)
  float* slopes;      ///< bf16 pairs only: (kQueryTile, width)
  float* ds_rows;     ///< bf16 pairs only: (kQueryTile, width / 2)
  float *dk, *dv;     ///< (n, head)
  float* inverse;     ///< (n)
};

}  // namespace posbench::attention_detail
