// One head of one sequence, as the fused attention sees it.
#pragma once

#include <algorithm>
#include <cstddef>

namespace posbench::attention_detail {

// Where the terms of a head, or their gradients (T without const), stand. Pointers are null where
// there are none.
template <class T>
struct TermPointers {
  T* by_distance;                   // at distance 0
  T* by_place;                      // at the first row and key
  T *keys, *values;                 // at distance 0, rows d apart
  T *query_shift, *relative_shift;  // (size)
};

// Some columns of some rows of a larger matrix.
template <class T>
struct Window {
  T* data;
  std::size_t stride;
  std::size_t rows;
  std::size_t columns;
};

// The distances j − i that relative vectors tell apart in a sequence; those outside count as the
// nearest. None where highest < lowest.
struct Distances {
  std::ptrdiff_t lowest = 0, highest = -1;

  // Those that n rows can meet within a reach.
  static Distances within(long reach, std::size_t n, bool causal) {
    const auto most = std::min<std::ptrdiff_t>(reach, static_cast<std::ptrdiff_t>(n) - 1);
    return {-most, causal ? 0 : most};
  }
  std::size_t count() const { return static_cast<std::size_t>(highest - lowest + 1); }
};

// Shaw's or Transformer-XL's vectors of a head, a row for each distance; no rows: none.
struct RelativeRows {
  Window<const float> rows{};
  Distances distances;
};

// What is added inside the attention of a head. Pointers are null where nothing is.
struct HeadTerms {
  const float* by_distance;      // at distance 0
  Window<const float> by_place;  // (queries, keys)
  RelativeRows keys, values;
  const float *query_shift, *relative_shift;  // (size)
  float content_scale = 1.0f;

  bool has_shifts() const { return query_shift != nullptr || relative_shift != nullptr; }
  bool any() const {
    return by_distance != nullptr || by_place.data != nullptr || keys.rows.rows > 0 ||
           values.rows.rows > 0;
  }
};

// Where their gradients are added, in the same places.
struct HeadTermGradients {
  float* by_distance;
  Window<float> by_place;
  Window<float> keys, values;
  float *query_shift, *relative_shift;
};

// The first `cached` rows of k and v come before the first query's own.
template <class Stored>
struct ForwardHead {
  Window<const Stored> q, k, v;           // (queries, size), (keys, size)
  const float *q_bias, *k_bias, *v_bias;  // (size) or null
  HeadTerms terms;
  bool causal;
  Stored* weights;         // kept_per_head() numbers; null: not kept
  Window<Stored> context;  // (queries, size)

  std::size_t cached() const { return k.rows - q.rows; }
};

template <class Stored>
struct BackwardHead {
  Window<const Stored> q, k, v, dcontext;  // (queries, size), (keys, size)
  const float *q_bias, *k_bias, *v_bias;   // (size) or null
  HeadTerms terms;
  bool causal;
  const Stored* weights;               // what forward kept
  Window<Stored> dq, dk, dv;           // (queries, size), (keys, size)
  float *dq_bias, *dk_bias, *dv_bias;  // (size) or null
  HeadTermGradients dterms;

  std::size_t cached() const { return k.rows - q.rows; }
  bool has_terms() const {
    return terms.any() || terms.has_shifts() || dterms.by_distance != nullptr ||
           dterms.by_place.data != nullptr;
  }
};

}  // namespace posbench::attention_detail
