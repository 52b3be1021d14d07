// Attention backward, one head of one sequence, compiled once per instruction set (Highway's -inl.h
// idiom).
//
// Forward kept p = 2^(score − the row's largest) and r = 1 / Σ p, so that the weights are P = r p.
// With dO' = r dO, the gradients of the weights never need r again:
//   dV = Pᵀ dO = pᵀ dO'
//   dS = P ∘ (dO Vᵀ − D) = p ∘ (dO' Vᵀ − D'),   D' = r Σ p ∘ (dO' Vᵀ) by row
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernel/attention_scratch.h"

#if defined(POSBENCH_ATTENTION_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_ATTENTION_BACKWARD_INL_H_
#undef POSBENCH_ATTENTION_BACKWARD_INL_H_
#else
#define POSBENCH_ATTENTION_BACKWARD_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/attention_pack-inl.h"
#include "kernel/matrix_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention_detail::BackwardHead;
using attention_detail::kQueryBlock;
using attention_detail::kQueryTile;
using attention_detail::Widths;

// slope, a row of dO' Vᵀ, becomes the row of dS; p gets the row that forward kept.
template <class Stored>
HWY_INLINE void ScoreGradient(const Stored* HWY_RESTRICT kept, float inverse, std::size_t vectors,
                              float* HWY_RESTRICT p, float* HWY_RESTRICT slope) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V dot = hn::Zero(d);
  for (std::size_t v = 0; v < vectors; ++v) {
    const V power = Load(kept + v * lanes);
    hn::StoreU(power, d, p + v * lanes);
    dot = hn::MulAdd(power, hn::LoadU(d, slope + v * lanes), dot);
  }
  const V mean = hn::Mul(hn::SumOfLanes(d, dot), hn::Set(d, inverse));
  for (std::size_t v = 0; v < vectors; ++v) {
    const V gap = hn::Sub(hn::LoadU(d, slope + v * lanes), mean);
    hn::StoreU(hn::Mul(hn::LoadU(d, p + v * lanes), gap), d, slope + v * lanes);
  }
}

// dK and dV (+)= the share of `rows` queries from `first` on, whose p and dS stand in scratch.
// Causal: keys go in stripes, each of which leaves out the queries that see none of it.
HWY_INLINE void AddToKeysAndValues(const attention_detail::BackwardScratch& scratch,
                                   const Widths& widths, std::size_t first, std::size_t rows,
                                   std::size_t keys, std::size_t size_vectors, bool causal,
                                   bool adds) {
  const std::size_t stripe = causal ? 2 * kQueryTile : keys;
  for (std::size_t j = 0; j < keys; j += stripe) {
    const std::size_t skipped = causal && j > first ? j - first : 0;
    const std::size_t columns = HWY_MIN(stripe, keys - j);
    const auto add = [&](const float* a, const float* b, float* sums) HWY_ATTR {
      sums += j * widths.head;
      Start start;
      if (adds) start = {sums, static_cast<std::ptrdiff_t>(widths.head)};
      Multiply<ByColumns>({{a + skipped * widths.keys + j, widths.keys},
                           b + (first + skipped) * widths.head,
                           widths.head,
                           rows - skipped,
                           start,
                           sums,
                           widths.head},
                          columns, size_vectors);
    };
    add(scratch.p, scratch.dcontext, scratch.dv);
    add(scratch.ds, scratch.q, scratch.dk);
  }
}

template <class Stored>
void Backward(const BackwardHead<Stored>& head, const attention_detail::BackwardScratch& scratch) {
  const std::size_t lanes = hn::Lanes(D());
  const std::size_t n = head.q.rows, size = head.q.columns;
  const Widths widths(n, size);
  const auto vectors_of = [lanes](std::size_t count) { return (count + lanes - 1) / lanes; };
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  std::memcpy(scratch.inverse, head.weights + n * widths.rows, n * sizeof(float));
  // dQ = scale · dS K and dK = scale · dSᵀ Q.
  PackRows(head.q, head.q_bias, scale, scratch.q, widths.head);
  PackRows(head.k, head.k_bias, scale, scratch.k, widths.head);
  PackRows(head.v, head.v_bias, 1.0f, scratch.v, widths.head);
  PackRows(head.dcontext, scratch.inverse, scratch.dcontext, widths.head);
  PadRows(scratch.v, n, widths.head);
  Transpose(scratch.v, widths.head, n, size, scratch.values, widths.keys);
  if (head.dscore_bias != nullptr) std::fill_n(scratch.dbias, 2 * widths.rows, 0.0f);

  const bool adds = n > kQueryBlock;
  if (adds) {
    std::fill_n(scratch.dk, n * widths.head, 0.0f);
    std::fill_n(scratch.dv, n * widths.head, 0.0f);
  }
  for (std::size_t first = 0, block = 0; first < n; first += block) {
    block = EvenPart(n - first, kQueryBlock);
    const std::size_t block_keys = head.causal ? first + block : n;
    for (std::size_t i = first, tile = 0; i < first + block; i += tile) {
      tile = EvenPart(first + block - i, kQueryTile);
      const std::size_t keys = head.causal ? i + tile : n;
      const std::size_t vectors = vectors_of(keys);
      float* p = scratch.p + (i - first) * widths.keys;
      float* ds = scratch.ds + (i - first) * widths.keys;
      Multiply<ByRows>({{scratch.dcontext + i * widths.head, widths.head},
                        scratch.values,
                        widths.keys,
                        size,
                        {},
                        ds,
                        widths.keys},
                       tile, vectors);
      for (std::size_t r = 0; r < tile; ++r, p += widths.keys) {
        float* row = ds + r * widths.keys;
        const std::size_t seen = head.causal ? i + r + 1 : n;
        const std::size_t seen_vectors = vectors_of(seen);
        ScoreGradient(head.weights + (i + r) * widths.rows, scratch.inverse[i + r], seen_vectors, p,
                      row);
        if (seen_vectors * lanes < block_keys) {
          std::fill(p + seen_vectors * lanes, p + block_keys, 0.0f);
          std::fill(row + seen_vectors * lanes, row + block_keys, 0.0f);
        }
        if (head.dscore_bias == nullptr) continue;
        float* by_distance = scratch.dbias + n - 1 - (i + r);
        for_each_vector(seen, [&](std::size_t, auto load, auto store) HWY_ATTR {
          store(hn::Add(load(by_distance), load(row)), by_distance);
        });
      }
      Multiply<ByRows>({{ds, widths.keys},
                        scratch.k,
                        widths.head,
                        keys,
                        {},
                        scratch.dq + i * widths.head,
                        widths.head},
                       tile, vectors_of(size));
    }
    AddToKeysAndValues(scratch, widths, first, block, block_keys, vectors_of(size), head.causal,
                       adds);
  }
  UnpackGradient(scratch.dq, widths.head, head.dq, head.dq_bias);
  UnpackGradient(scratch.dk, widths.head, head.dk, head.dk_bias);
  UnpackGradient(scratch.dv, widths.head, head.dv, head.dv_bias);
  if (head.dscore_bias != nullptr) {
    float* sums = head.dscore_bias - (n - 1);
    for_each_vector(2 * n - 1, [&](std::size_t, auto load, auto store) HWY_ATTR {
      store(hn::Add(load(sums), load(scratch.dbias)), sums);
    });
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
