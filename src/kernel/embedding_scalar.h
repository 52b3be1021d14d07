// The input layer as plain loops: the reference of the fused kernel.
#pragma once

#include <vector>

#include "kernel/embedding.h"
#include "kernel/vector_ops_scalar.h"

namespace posbench::scalar {

/// embed with the batch's position rows (L, d) as they are, or null: no positions. Returns
/// 1 / deviation of each token's row (B, L): an error in the row is that many times larger in y.
/// The batch must be whole (its stride is L).
template <class Real>
std::vector<Real> embed(const EmbeddingWeights<Real>& weights, const Real* positions,
                        const EmbeddingBatch<Real>& batch) {
  const std::size_t d = batch.shape.hidden;
  for (std::size_t t = 0; t < batch.shape.tokens(); ++t) {
    const Real* token = weights.tokens.values + static_cast<std::size_t>(batch.token_ids[t]) * d;
    for (std::size_t i = 0; i < d; ++i) {
      Real& sum = batch.y[t * d + i] = token[i];
      if (positions != nullptr) sum += positions[t % batch.shape.length * d + i];
      if (batch.segment_ids == nullptr) continue;
      sum += weights.segments.values[static_cast<std::size_t>(batch.segment_ids[t]) * d + i];
    }
  }
  std::vector<Real> inverse_deviation(batch.shape.tokens());
  add_norm<Real>(batch.y, nullptr, nullptr, weights.gamma, weights.beta, batch.shape.tokens(), d,
                 batch.y, nullptr, nullptr, inverse_deviation.data());
  return inverse_deviation;
}

}  // namespace posbench::scalar
