// Sliding-window self-attention with global rows (Beltagy et al. 2020, "Longformer", section 3):
// time and memory grow with the length of a sequence, not with its square.
//
// Kernels, number formats, rounding and order of sums are those of kernel/attention.h; only which
// keys a query sees differs. A window that covers the sequence makes the two the same function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/sum.h"

namespace posbench {

/// Where sequences begin and end in a batch of T rows, how a row divides into heads, and who sees
/// whom: query i sees the keys j with |i − j| ≤ window and the first `globals` of its sequence; the
/// first `globals` queries see all keys. No key counts twice.
struct WindowShape {
  /// (S + 1): sequence s is rows offsets[s] … offsets[s+1]−1.
  std::span<const std::int32_t> offsets;
  /// (S): rows of a sequence from lengths[s] on are padding: nobody sees them, and their context
  /// and gradients are 0. Empty: no row is.
  std::span<const std::int32_t> lengths;
  int hidden;   ///< d
  int heads;    ///< H, a divisor of d; the size of a head is d / H
  int window;   ///< keys to each side, at least 1; may be longer than a sequence
  int globals;  ///< at most the visible rows of the shortest sequence that has any
};

/// Numbers (of the type that products read) that forward keeps for backward: about
/// H · n · (2 · window + globals) for each sequence of n rows, and at most H · n² where that is
/// less. Only window_attention_backward can read them.
std::size_t window_attention_weights(const WindowShape& shape);

/// Numbers of working memory, for either direction: some d / H · n for the longest sequence.
std::size_t window_attention_scratch(const WindowShape& shape);

/// context (T, d) = softmax(Q Kᵀ / √(d/H)) V per sequence and head over the keys that a query sees,
/// where Q, K and V are thirds of qkv (T, 3d) plus qkv_bias (3d; may be null). The queries of the
/// global rows, and the keys and values that these queries meet, are thirds of global_qkv (T, 3d)
/// plus global_bias (3d; may be null); where global_qkv is null, they are those of all others.
/// `weights` gets what backward needs; null: nothing is kept. Nothing need be aligned.
/// Throws UserError where heads do not divide d, the window is below 1, or a sequence has fewer
/// rows than there are global ones.
void window_attention(const WindowShape& shape, const float* qkv, const float* qkv_bias,
                      const float* global_qkv, const float* global_bias, float* scratch,
                      float* weights, float* context);
void window_attention(const WindowShape& shape, const Bf16* qkv, const float* qkv_bias,
                      const Bf16* global_qkv, const float* global_bias, float* scratch,
                      Bf16* weights, Bf16* context);
void window_attention(const WindowShape& shape, const double* qkv, const double* qkv_bias,
                      const double* global_qkv, const double* global_bias, double* scratch,
                      double* weights, double* context);

/// dqkv (T, 3d) and dglobal_qkv (T, 3d; not read where global_qkv is null) from dcontext (T, d),
/// the inputs of window_attention and the weights that it kept. dqkv_bias and dglobal_bias (3d; may
/// be null) are added to.
void window_attention_backward(const WindowShape& shape, const float* qkv, const float* qkv_bias,
                               const float* global_qkv, const float* global_bias,
                               const float* weights, const float* dcontext, float* scratch,
                               float* dqkv, float* dqkv_bias, float* dglobal_qkv,
                               float* dglobal_bias);
void window_attention_backward(const WindowShape& shape, const Bf16* qkv, const float* qkv_bias,
                               const Bf16* global_qkv, const float* global_bias,
                               const Bf16* weights, const Bf16* dcontext, float* scratch,
                               Bf16* dqkv, float* dqkv_bias, Bf16* dglobal_qkv,
                               float* dglobal_bias);
void window_attention_backward(const WindowShape& shape, const double* qkv, const double* qkv_bias,
                               const double* global_qkv, const double* global_bias,
                               const double* weights, const double* dcontext, double* scratch,
                               double* dqkv, double* dqkv_bias, double* dglobal_qkv,
                               double* dglobal_bias);

}  // namespace posbench
