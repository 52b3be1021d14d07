// One head of one sequence, as the fused attention sees it.
#pragma once

#include <cstddef>

namespace posbench::attention_detail {

// Some columns of some rows of a larger matrix.
template <class T>
struct Window {
  T* data;
  std::size_t stride;
  std::size_t rows;
  std::size_t columns;
};

template <class Stored>
struct ForwardHead {
  Window<const Stored> q, k, v;           // (n, size)
  const float *q_bias, *k_bias, *v_bias;  // (size) or null
  const float* score_bias;                // at distance 0; null: none
  bool causal;
  Stored* weights;         // kept_per_head() numbers; null: not kept
  Window<Stored> context;  // (n, size)
};

template <class Stored>
struct BackwardHead {
  Window<const Stored> q, k, v, dcontext;  // (n, size)
  const float *q_bias, *k_bias, *v_bias;   // (size) or null
  bool causal;
  const Stored* weights;               // what forward kept
  Window<Stored> dq, dk, dv;           // (n, size)
  float *dq_bias, *dk_bias, *dv_bias;  // (size) or null
  float* dscore_bias;                  // at distance 0; null: none
};

}  // namespace posbench::attention_detail
