// Sliding-window attention as plain loops: the reference of the fused kernels and the f64 path of
// gradient checks.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernel/window_attention_parts.h"

namespace posbench::scalar {

// Some queries of one head of one sequence: pointers at the sequence's first row's first number,
// rows 3d apart in qkv.
template <class Real>
struct WindowAttentionHead {
  attention_detail::Pass pass;
  std::size_t size, d;
  const Real* qkv;
  const Real* bias;  // at this head's part of Q; null: none

  /// Number c of row i of Q (part 0), K (1) or V (2).
  Real at(std::size_t part, std::size_t i, std::size_t c) const {
    const Real value = qkv[(3 * i + part) * d + c];
    return bias == nullptr ? value : value + bias[part * d + c];
  }
  Real scale() const { return 1 / std::sqrt(static_cast<Real>(size)); }
  /// How many keys query i sees: those in front, then those of its band.
  std::size_t seen_by(std::size_t i) const { return pass.front + pass.end(i) - pass.begin(i); }
  std::size_t key(std::size_t i, std::size_t seen) const {
    return seen < pass.front ? seen : pass.begin(i) + seen - pass.front;
  }
};

/// context rows are d apart; p (n) is scratch, weights (rows of the pass, its width) gets all rows
/// unless null.
template <class Real>
void window_attention(const WindowAttentionHead<Real>& head, Real* p, Real* weights,
                      Real* context) {
  const auto& pass = head.pass;
  for (std::size_t i = pass.first; i < pass.first + pass.rows; ++i) {
    if (weights != nullptr) p = weights + (i - pass.first) * pass.width;
    const std::size_t seen = head.seen_by(i);
    for (std::size_t s = 0; s < seen; ++s) {
      p[s] = 0;
      for (std::size_t c = 0; c < head.size; ++c) {
        p[s] += head.scale() * head.at(0, i, c) * head.at(1, head.key(i, s), c);
      }
    }
    const Real top = *std::max_element(p, p + seen);
    Real sum = 0;
    for (std::size_t s = 0; s < seen; ++s) sum += p[s] = std::exp(p[s] - top);
    for (std::size_t s = 0; s < seen; ++s) p[s] /= sum;
    for (std::size_t c = 0; c < head.size; ++c) {
      Real value = 0;
      for (std::size_t s = 0; s < seen; ++s) value += p[s] * head.at(2, head.key(i, s), c);
      context[i * head.d + c] = value;
    }
  }
}

/// Adds to the zeroed rows of dqkv and to dqkv_bias (at this head's part of Q; may be null); ds (n)
/// is scratch.
template <class Real>
void window_attention_backward(const WindowAttentionHead<Real>& head, const Real* weights,
                               const Real* dcontext, Real* ds, Real* dqkv, Real* dqkv_bias) {
  const auto& pass = head.pass;
  const auto add = [&](std::size_t part, std::size_t i, std::size_t c, Real value) {
    dqkv[(3 * i + part) * head.d + c] += value;
    if (dqkv_bias != nullptr) dqkv_bias[part * head.d + c] += value;
  };
  for (std::size_t i = pass.first; i < pass.first + pass.rows; ++i) {
    const Real* p = weights + (i - pass.first) * pass.width;
    const Real* dout = dcontext + i * head.d;
    const std::size_t seen = head.seen_by(i);
    Real mean = 0;
    for (std::size_t s = 0; s < seen; ++s) {
      ds[s] = 0;
      for (std::size_t c = 0; c < head.size; ++c) ds[s] += dout[c] * head.at(2, head.key(i, s), c);
      mean += p[s] * ds[s];
    }
    for (std::size_t s = 0; s < seen; ++s) {
      const std::size_t j = head.key(i, s);
      const Real slope = head.scale() * p[s] * (ds[s] - mean);
      for (std::size_t c = 0; c < head.size; ++c) {
        add(0, i, c, slope * head.at(1, j, c));
        add(1, j, c, slope * head.at(0, i, c));
        add(2, j, c, p[s] * dout[c]);
      }
    }
  }
}

}  // namespace posbench::scalar
