// The input layer of BERT in one pass over a token's row: token + position (+ segment), then layer
// norm. Here the cost of a position is what it is where a model pays for it.
//
// The ladder of versions:
//   scalar    plain loops (kernel/embedding_scalar.h), f32 and f64, the reference
//   unfused   three passes over memory, what a framework runs: gather the tokens' rows, add the
//             positions in place (add_slice), add_norm in place
//   fused     the sum of a row stays in L1 until its mean and its variance are known; y is written
//             once
//
// Method: Highway with run-time dispatch, four tokens at a time, so that sums run in four
// independent chains and gamma and beta are read once for four rows; the rows of the next four
// tokens are fetched meanwhile. Positions are walked outermost: the texts of a batch find the
// position's row in L1. Rows of a sinusoid are made 16 at a time, once for the whole batch; for one
// text alone those of a recurrence are not made at all, but turn in registers while they are added.
// Any d ≥ 1; nothing need be aligned.
//
// Precision: sums and variance in f32, the variance from centred values. A normalised value z errs
// by at most (d + 10) · 2^-24 · (1 + max |row| / deviation) · (1 + |z|), and by four times a
// computed position's own error divided by the deviation. A NaN or an infinity in a row makes that
// row of y NaN and no other.
//
// Traffic in f32, bytes an element: 4 of the token's row, 4 of y and 4 of the line that y
// overwrites; a learned position 4 / B, a computed one nothing. Unfused: 16 more, two times y read
// and written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "kernel/lookup.h"
#include "kernel/sinusoid.h"

namespace posbench {

/// What the layer has learned, without its positions.
template <class Real>
struct EmbeddingWeights {
  Table<Real> tokens;         ///< (vocabulary, d)
  const Real* gamma;          ///< (d), of the layer norm
  const Real* beta;           ///< (d)
  Table<Real> segments = {};  ///< (segments, d); needed where a batch has segment ids
};

/// Which tokens to embed and where to: the texts of a batch, or a share of their positions.
template <class Real>
struct EmbeddingBatch {
  const std::int32_t* token_ids;    ///< (B, L)
  const std::int32_t* segment_ids;  ///< (B, L), or null: no segments
  Real* y;                          ///< (B, L, d)
  BatchShape shape;
  std::size_t stride;  ///< tokens from one text to the next: L, or more in a share

  /// The same for `length` positions from `first` on.
  EmbeddingBatch positions(std::size_t first, std::size_t length) const {
    EmbeddingBatch share = *this;
    share.token_ids += first;
    if (segment_ids != nullptr) share.segment_ids += first;
    share.y += first * shape.hidden;
    share.shape.length = length;
    return share;
  }
};

/// Positions that are computed. The constants are the producer's for this sinusoid.
struct ComputedPositions {
  const SinusoidProducer* producer;
  Sinusoid sinusoid;
  const float* constants;
};

/// None, a learned table (rows, d), or computed rows.
using PositionSource = std::variant<std::monostate, Table<float>, ComputedPositions>;

/// y[b, l] = gamma · (row − mean) / sqrt(variance + 1e-12) + beta, where row = the row of token
/// b, l + the row of position first + l + the row of its segment; 1e-12 is BERT's epsilon. Computed
/// rows start afresh every kRecurrencePeriod positions from `first` on. Throws UserError, before
/// anything is read or written, for a token's or segment's id outside its table, for positions that
/// leave the learned table, and where y overlaps a table, gamma or beta.
void embed(const EmbeddingWeights<float>& weights, const PositionSource& positions,
           std::size_t first, const EmbeddingBatch<float>& batch);

}  // namespace posbench
