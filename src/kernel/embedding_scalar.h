// The input layer as plain loops: the reference of the fused kernel.
#pragma once

#include <cmath>

#include "kernel/embedding.h"

namespace posbench::scalar {

/// embed with the position rows (L, d) of the batch as they are, or null: no positions.
template <class Real>
void embed(const EmbeddingWeights<Real>& weights, const Real* positions,
           const EmbeddingBatch<Real>& batch) {
  const auto [count, length, d] = batch.shape;
  for (std::size_t b = 0; b < count; ++b) {
    for (std::size_t l = 0; l < length; ++l) {
      const std::size_t at = b * batch.stride + l;
      const auto token = static_cast<std::size_t>(batch.token_ids[at]);
      Real* row = batch.y + at * d;
      for (std::size_t i = 0; i < d; ++i) {
        row[i] = weights.tokens.values[token * d + i];
        if (positions != nullptr) row[i] += positions[l * d + i];
        if (batch.segment_ids == nullptr) continue;
        const auto segment = static_cast<std::size_t>(batch.segment_ids[at]);
        row[i] += weights.segments.values[segment * d + i];
      }
      Real mean = 0, variance = 0;
      for (std::size_t i = 0; i < d; ++i) mean += row[i] / static_cast<Real>(d);
      for (std::size_t i = 0; i < d; ++i) {
        variance += (row[i] - mean) * (row[i] - mean) / static_cast<Real>(d);
      }
      const Real scale = 1 / std::sqrt(variance + static_cast<Real>(1e-12));
      for (std::size_t i = 0; i < d; ++i) {
        row[i] = (row[i] - mean) * scale * weights.gamma[i] + weights.beta[i];
      }
    }
  }
}

}  // namespace posbench::scalar
