// Attention as plain loops: the reference of the fused kernels and the f64 path of gradient checks.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernel/attention_scratch.h"

namespace posbench::scalar {

// One head of one sequence: pointers at its first row's first number, rows `stride` apart in qkv.
template <class Real>
struct AttentionHead {
  std::size_t n, size, d;
  bool causal;
  const Real* qkv;
  const Real* bias;        // at this head's part of Q; null: none
  const Real* score_bias;  // at distance 0; null: none

  std::size_t seen_by(std::size_t i) const { return causal ? i + 1 : n; }
  /// Number c of row i of Q (part 0), K (1) or V (2).
  Real at(std::size_t part, std::size_t i, std::size_t c) const {
    const Real value = qkv[(3 * i + part) * d + c];
    return bias == nullptr ? value : value + bias[part * d + c];
  }
  Real scale() const { return 1 / std::sqrt(static_cast<Real>(size)); }
  Real score(std::size_t i, std::size_t j) const {
    Real sum = 0;
    for (std::size_t c = 0; c < size; ++c) sum += at(0, i, c) * at(1, j, c);
    const auto distance = static_cast<std::ptrdiff_t>(j) - static_cast<std::ptrdiff_t>(i);
    return sum * scale() + (score_bias == nullptr ? 0 : score_bias[distance]);
  }
};

/// context rows are d apart; p (n) is scratch, weights (n, n) gets all rows unless null.
template <class Real>
void attention(const AttentionHead<Real>& head, Real* p, Real* weights, Real* context) {
  for (std::size_t i = 0; i < head.n; ++i) {
    if (weights != nullptr) p = weights + i * head.n;
    const std::size_t seen = head.seen_by(i);
    for (std::size_t j = 0; j < seen; ++j) p[j] = head.score(i, j);
    const Real top = *std::max_element(p, p + seen);
    Real sum = 0;
    for (std::size_t j = 0; j < seen; ++j) sum += p[j] = std::exp(p[j] - top);
    for (std::size_t j = 0; j < seen; ++j) p[j] /= sum;
    for (std::size_t c = 0; c < head.size; ++c) {
      Real value = 0;
      for (std::size_t j = 0; j < seen; ++j) value += p[j] * head.at(2, j, c);
      context[i * head.d + c] = value;
    }
  }
}

/// Adds to the zeroed rows of dqkv, to dqkv_bias (at this head's part of Q) and dscore_bias (at
/// distance 0), the last two unless null; ds (n) is scratch.
template <class Real>
void attention_backward(const AttentionHead<Real>& head, const Real* weights, const Real* dcontext,
                        Real* ds, Real* dqkv, Real* dqkv_bias, Real* dscore_bias) {
  const std::size_t d = head.d;
  const auto add = [&](std::size_t part, std::size_t i, std::size_t c, Real value) {
    dqkv[(3 * i + part) * d + c] += value;
    if (dqkv_bias != nullptr) dqkv_bias[part * d + c] += value;
  };
  for (std::size_t i = 0; i < head.n; ++i) {
    const Real* p = weights + i * head.n;
    const Real* dout = dcontext + i * d;
    const std::size_t seen = head.seen_by(i);
    Real mean = 0;
    for (std::size_t j = 0; j < seen; ++j) {
      ds[j] = 0;
      for (std::size_t c = 0; c < head.size; ++c) ds[j] += dout[c] * head.at(2, j, c);
      mean += p[j] * ds[j];
    }
    for (std::size_t j = 0; j < seen; ++j) {
      ds[j] = p[j] * (ds[j] - mean);
      const auto distance = static_cast<std::ptrdiff_t>(j) - static_cast<std::ptrdiff_t>(i);
      if (dscore_bias != nullptr) dscore_bias[distance] += ds[j];
      for (std::size_t c = 0; c < head.size; ++c) {
        add(0, i, c, head.scale() * ds[j] * head.at(1, j, c));
        add(1, j, c, head.scale() * ds[j] * head.at(0, i, c));
        add(2, j, c, p[j] * dout[c]);
      }
    }
  }
}

}  // namespace posbench::scalar
