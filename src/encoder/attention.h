// Multi-head self-attention inside each sequence of a packed batch.
#pragma once

#include <cstdint>
#include <span>

#include "encoder/arena.h"

namespace posbench {

/// Where sequences begin and end in a packed batch, and how their rows divide into heads.
struct AttentionShape {
  std::span<const std::int32_t>
      offsets;  ///< (S + 1): sequence s is rows offsets[s] … offsets[s+1]−1
  int hidden;   ///< d
  int heads;    ///< H; head size is d / H

  long head_size() const { return hidden / heads; }
  /// Elements of all attention weights: Σ over sequences of H · n².
  std::size_t weights() const;
};

/// context (T, d) = softmax(Q Kᵀ / √(d/H)) V per sequence and head (Vaswani 2017, equation 1), with
/// Q, K, V side by side in qkv (T, 3d). Every token sees every token of its own sequence and no
/// other. `weights` receives the attention weights, n × n per (sequence, head), for backward.
template <class Real>
void attention(const AttentionShape& shape, const Real* qkv, Real* weights, Real* context);

/// dqkv (T, 3d) from dcontext (T, d). Takes scratch from the arena.
template <class Real>
void attention_backward(const AttentionShape& shape, const Real* qkv, const Real* weights,
                        const Real* dcontext, Arena<Real>& arena, Real* dqkv);

}  // namespace posbench
