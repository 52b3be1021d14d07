// The loss of span question answering: where an answer starts and where it ends, each a softmax
// over the candidate rows of its sequence (Devlin 2019, §4.2).
#pragma once

#include <cstddef>
#include <vector>

#include "encoder/batch.h"
#include "kernel/cross_entropy.h"

namespace posbench {

/// For sequences [first, last) of a batch with spans. logits (labelled rows, 2) of these sequences;
/// losses (last − first) get the mean of two cross-entropies, in nats. dlogits (labelled rows, 2) =
/// scale · the gradient of the losses' sum, unless null. A bias that all rows share has none: it
/// cancels in the softmax.
template <class Real, class Stored>
void span_cross_entropy(const Batch& batch, std::size_t first, std::size_t last, const Real* logits,
                        Real* losses, Real scale, Stored* dlogits) {
  std::vector<Real> sides;  // (2, candidates): start logits, end logits
  std::vector<Stored> gradients;
  std::size_t row = 0, begin = 0;
  while (row < batch.rows.size() && batch.rows[row] < batch.offsets[first]) ++row;
  const std::size_t offset = row;
  for (std::size_t s = first; s < last; ++s) {
    begin = row;
    while (row < batch.rows.size() && batch.rows[row] < batch.offsets[s + 1]) ++row;
    const std::size_t candidates = row - begin;
    const Real* own = logits + 2 * (begin - offset);
    sides.resize(2 * candidates);
    gradients.resize(2 * candidates);
    for (std::size_t i = 0; i < candidates; ++i) {
      sides[i] = own[2 * i];
      sides[candidates + i] = own[2 * i + 1];
    }
    const std::int32_t right[] = {batch.spans[2 * s] - static_cast<std::int32_t>(begin),
                                  batch.spans[2 * s + 1] - static_cast<std::int32_t>(begin)};
    Real both[2];
    cross_entropy(sides.data(), right, 2, candidates, both, scale / 2,
                  dlogits == nullptr ? nullptr : gradients.data(), static_cast<Real*>(nullptr));
    losses[s - first] = (both[0] + both[1]) / 2;
    if (dlogits == nullptr) continue;
    Stored* out = dlogits + 2 * (begin - offset);
    for (std::size_t i = 0; i < candidates; ++i) {
      out[2 * i] = gradients[i];
      out[2 * i + 1] = gradients[candidates + i];
    }
  }
}

}  // namespace posbench
