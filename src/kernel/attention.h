// Multi-head self-attention inside each sequence of a batch, fused: scores, softmax and the sum of
// values pass through the nearest caches in tiles, and a query's scores never leave them.
//
// f32 and bf16 run on the CPU's best instruction set. All sums are f32, and so are the softmax and
// its gradient; a bf16 result is rounded once. Where the CPU multiplies bf16 (AVX512_BF16), the
// bf16 form also rounds what it multiplies: Q, K and V with bias and scale, dO by row, the weights
// and the gradients of the scores; elsewhere it widens what it reads. f64 is the scalar reference
// (kernel/attention_scalar.h), what the others are tested against. Sums run in a fixed order for a
// given instruction set, and what a sequence gets does not depend on the others of its batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/sum.h"

namespace posbench {

/// Where sequences begin and end in a batch of T rows, and how a row divides into heads.
struct AttentionShape {
  /// (S + 1): sequence s is rows offsets[s] … offsets[s+1]−1.
  std::span<const std::int32_t> offsets;
  /// (S): rows of a sequence from lengths[s] on are padding: nobody sees them, and their context
  /// and gradients are 0. Empty: no row is.
  std::span<const std::int32_t> lengths;
  int hidden;           ///< d
  int heads;            ///< H, a divisor of d; the size of a head is d / H
  bool causal = false;  ///< a query sees keys up to its own place only
  /// (S): the first cached[s] rows of a sequence are keys and values only (Transformer-XL's
  /// memory): their context and the gradients of their queries are 0. Empty: none are.
  std::span<const std::int32_t> cached = {};
};

/// What is added to the scores, by distance (ALiBi, T5): key j seen from query i of head h gets
/// values[h][reach − 1 + j − i]. Null: nothing.
template <class Real>
struct ScoreBias {
  const Real* values = nullptr;  ///< (H, 2 · reach − 1)
  long reach = 0;                ///< at least the longest sequence
};

/// What is added to the scores, by place (TUPE): key j seen from query i of head h gets
/// values[h][i][j], where i and j count the rows of their sequence. Null: nothing.
template <class Real>
struct PlaceBias {
  const Real* values = nullptr;  ///< (H, reach, reach)
  long reach = 0;                ///< at least the longest sequence
};

/// A vector for each distance j − i, clipped to −reach … reach: row reach + j − i holds those of
/// all heads, head h's from column h · size on. Null: nothing.
template <class Real>
struct RelativeVectors {
  const Real* values = nullptr;  ///< (2 · reach + 1, d)
  long reach = 0;
};

/// What an encoding adds inside the attention of a layer. With q, k and v of one head:
///   score(i, j) = ((q_i + query_shift) · k_j + (q_i + relative_shift) · keys[j − i])
///                 · content_scale / √size + by_distance[j − i] + by_place[i][j]
///   context(i)  = Σ_j softmax(score)(i, j) (v_j + values[j − i])
template <class Real>
struct ScoreTerms {
  ScoreBias<Real> by_distance = {};
  PlaceBias<Real> by_place = {};
  RelativeVectors<Real> keys = {}, values = {};
  const Real* query_shift = nullptr;     ///< (d): Transformer-XL's u
  const Real* relative_shift = nullptr;  ///< (d): Transformer-XL's v
  Real content_scale = 1;                ///< TUPE's 1/√2
};

/// Where backward adds the gradients of the terms, in their shapes; null: nowhere.
template <class Real>
struct ScoreTermGradients {
  Real* by_distance = nullptr;
  Real* by_place = nullptr;
  Real* keys = nullptr;
  Real* values = nullptr;
  Real* query_shift = nullptr;
  Real* relative_shift = nullptr;
};

/// Numbers (of the type that products read) that forward keeps for backward: about H · queries ·
/// keys for each sequence. Only attention_backward can read them.
std::size_t attention_weights(const AttentionShape& shape);

/// Numbers of working memory, for either direction; only which terms there are and their reach
/// count.
template <class Real>
std::size_t attention_scratch(const AttentionShape& shape, const ScoreTerms<Real>& terms);

/// context (T, d) = softmax(Q Kᵀ / √(d/H)) V per sequence and head (Vaswani 2017, equation 1) and
/// with the terms of ScoreTerms, where Q, K and V are thirds of qkv (T, 3d) plus qkv_bias (3d; may
/// be null). `weights` gets what backward needs; null: nothing is kept. Nothing need be aligned.
/// Throws UserError where heads do not divide d, a bias by distance or place is shorter than the
/// longest sequence, or a reach is negative.
void attention(const AttentionShape& shape, const float* qkv, const float* qkv_bias,
               const ScoreTerms<float>& terms, float* scratch, float* weights, float* context);
void attention(const AttentionShape& shape, const Bf16* qkv, const float* qkv_bias,
               const ScoreTerms<float>& terms, float* scratch, Bf16* weights, Bf16* context);
void attention(const AttentionShape& shape, const double* qkv, const double* qkv_bias,
               const ScoreTerms<double>& terms, double* scratch, double* weights, double* context);

/// dqkv (T, 3d) from dcontext (T, d), the inputs of attention and the weights that it kept.
/// dqkv_bias (3d; may be null) and the gradients of the terms are added to.
void attention_backward(const AttentionShape& shape, const float* qkv, const float* qkv_bias,
                        const ScoreTerms<float>& terms, const float* weights, const float* dcontext,
                        float* scratch, float* dqkv, float* dqkv_bias,
                        const ScoreTermGradients<float>& dterms);
void attention_backward(const AttentionShape& shape, const Bf16* qkv, const float* qkv_bias,
                        const ScoreTerms<float>& terms, const Bf16* weights, const Bf16* dcontext,
                        float* scratch, Bf16* dqkv, float* dqkv_bias,
                        const ScoreTermGradients<float>& dterms);
void attention_backward(const AttentionShape& shape, const double* qkv, const double* qkv_bias,
                        const ScoreTerms<double>& terms, const double* weights,
                        const double* dcontext, double* scratch, double* dqkv, double* dqkv_bias,
                        const ScoreTermGradients<double>& dterms);

}  // namespace posbench
