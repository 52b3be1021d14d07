// Attention as plain loops: the reference of the fused kernels and the f64 path of gradient checks.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernel/attention_scratch.h"

namespace posbench::scalar {

// One head of one sequence: pointers at its first row's first number, rows 3d apart in qkv, places
// `place_reach`.
template <class Real>
struct AttentionHead {
  std::size_t n, cached, size, d;
  bool causal;
  const Real* qkv;
  const Real* bias;  // at this head's part of Q; null: none
  attention_detail::TermPointers<const Real> terms;
  std::ptrdiff_t place_reach, keys_reach, values_reach;
  Real content_scale;

  std::size_t seen_by(std::size_t i) const { return causal ? i + 1 : n; }
  Real scale() const { return content_scale / std::sqrt(static_cast<Real>(size)); }
  /// Number c of row i of Q (part 0), K (1) or V (2).
  Real at(std::size_t part, std::size_t i, std::size_t c) const {
    const Real value = qkv[(3 * i + part) * d + c];
    return bias == nullptr ? value : value + bias[part * d + c];
  }
  /// Of Q, shifted.
  Real query(std::size_t i, std::size_t c, const Real* shift) const {
    return at(0, i, c) + (shift == nullptr ? 0 : shift[c]);
  }
  static std::ptrdiff_t distance(std::size_t i, std::size_t j) {
    return static_cast<std::ptrdiff_t>(j) - static_cast<std::ptrdiff_t>(i);
  }
  /// Where the relative vector of j seen from i begins, counted from that of distance 0.
  std::ptrdiff_t relative(std::size_t i, std::size_t j, std::ptrdiff_t reach) const {
    return std::clamp(distance(i, j), -reach, reach) * static_cast<std::ptrdiff_t>(d);
  }
  std::ptrdiff_t place(std::size_t i, std::size_t j) const {
    return static_cast<std::ptrdiff_t>(i) * place_reach + static_cast<std::ptrdiff_t>(j);
  }
  Real score(std::size_t i, std::size_t j) const {
    const Real* key = terms.keys == nullptr ? nullptr : terms.keys + relative(i, j, keys_reach);
    Real sum = 0;
    for (std::size_t c = 0; c < size; ++c) {
      sum += query(i, c, terms.query_shift) * at(1, j, c);
      if (key != nullptr) sum += query(i, c, terms.relative_shift) * key[c];
    }
    sum *= scale();
    if (terms.by_distance != nullptr) sum += terms.by_distance[distance(i, j)];
    if (terms.by_place != nullptr) sum += terms.by_place[place(i, j)];
    return sum;
  }
  Real value(std::size_t i, std::size_t j, std::size_t c) const {
    const Real own = at(2, j, c);
    if (terms.values == nullptr) return own;
    return own + (terms.values + relative(i, j, values_reach))[c];
  }
};

/// context rows are d apart; p (n) is scratch, weights (queries, n) gets all rows unless null.
template <class Real>
void attention(const AttentionHead<Real>& head, Real* p, Real* weights, Real* context) {
  for (std::size_t i = head.cached; i < head.n; ++i) {
    if (weights != nullptr) p = weights + (i - head.cached) * head.n;
    const std::size_t seen = head.seen_by(i);
    for (std::size_t j = 0; j < seen; ++j) p[j] = head.score(i, j);
    const Real top = *std::max_element(p, p + seen);
    Real sum = 0;
    for (std::size_t j = 0; j < seen; ++j) sum += p[j] = std::exp(p[j] - top);
    for (std::size_t j = 0; j < seen; ++j) p[j] /= sum;
    for (std::size_t c = 0; c < head.size; ++c) {
      Real value = 0;
      for (std::size_t j = 0; j < seen; ++j) value += p[j] * head.value(i, j, c);
      context[i * head.d + c] = value;
    }
  }
}

/// Adds to the zeroed rows of dqkv, to dqkv_bias (at this head's part of Q; may be null) and to
/// dterms; ds (n) is scratch.
template <class Real>
void attention_backward(const AttentionHead<Real>& head, const Real* weights, const Real* dcontext,
                        Real* ds, Real* dqkv, Real* dqkv_bias,
                        const attention_detail::TermPointers<Real>& dterms) {
  const std::size_t d = head.d;
  const attention_detail::TermPointers<const Real>& terms = head.terms;
  const auto add = [&](std::size_t part, std::size_t i, std::size_t c, Real value) {
    dqkv[(3 * i + part) * d + c] += value;
    if (dqkv_bias != nullptr) dqkv_bias[part * d + c] += value;
  };
  for (std::size_t i = head.cached; i < head.n; ++i) {
    const Real* p = weights + (i - head.cached) * head.n;
    const Real* dout = dcontext + i * d;
    const std::size_t seen = head.seen_by(i);
    Real mean = 0;
    for (std::size_t j = 0; j < seen; ++j) {
      ds[j] = 0;
      for (std::size_t c = 0; c < head.size; ++c) ds[j] += dout[c] * head.value(i, j, c);
      mean += p[j] * ds[j];
    }
    for (std::size_t j = 0; j < seen; ++j) {
      ds[j] = p[j] * (ds[j] - mean);
      if (dterms.by_distance != nullptr) dterms.by_distance[head.distance(i, j)] += ds[j];
      if (dterms.by_place != nullptr) dterms.by_place[head.place(i, j)] += ds[j];
      const std::ptrdiff_t key = head.relative(i, j, head.keys_reach);
      const std::ptrdiff_t value = head.relative(i, j, head.values_reach);
      const Real slope = head.scale() * ds[j];
      for (std::size_t c = 0; c < head.size; ++c) {
        const Real by_key = slope * head.at(1, j, c);
        const Real by_relative = terms.keys == nullptr ? 0 : slope * (terms.keys + key)[c];
        add(0, i, c, by_key + by_relative);
        add(1, j, c, slope * head.query(i, c, terms.query_shift));
        add(2, j, c, p[j] * dout[c]);
        if (dterms.query_shift != nullptr) dterms.query_shift[c] += by_key;
        if (dterms.relative_shift != nullptr) dterms.relative_shift[c] += by_relative;
        if (dterms.keys != nullptr) {
          (dterms.keys + key)[c] += slope * head.query(i, c, terms.relative_shift);
        }
        if (dterms.values != nullptr) (dterms.values + value)[c] += p[j] * dout[c];
      }
    }
  }
}

}  // namespace posbench::scalar
