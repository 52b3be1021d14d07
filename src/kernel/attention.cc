#include "kernel/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernel/attention_head.h"
#include "kernel/attention_scalar.h"
#include "kernel/attention_scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/attention.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include "kernel/attention_backward-inl.h"
#include "kernel/attention_forward-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// Functions of a template cannot be chosen at run time by name.
void ForwardF32(const attention_detail::ForwardHead<float>& head,
                const attention_detail::ForwardScratch& scratch) {
  Forward<Singles>(head, scratch);
}
void ForwardBf16(const attention_detail::ForwardHead<Bf16>& head,
                 const attention_detail::ForwardScratch& scratch) {
#if HWY_TARGET == HWY_AVX3
  if (kCpuRoundsToBf16) return Forward<Bf16Pairs>(head, scratch);
#endif
  Forward<Singles>(head, scratch);
}
void BackwardF32(const attention_detail::BackwardHead<float>& head,
                 const attention_detail::BackwardScratch& scratch) {
  Backward<Singles>(head, scratch);
}
void BackwardBf16(const attention_detail::BackwardHead<Bf16>& head,
                  const attention_detail::BackwardScratch& scratch) {
#if HWY_TARGET == HWY_AVX3
  if (kCpuRoundsToBf16) return Backward<Bf16Pairs>(head, scratch);
#endif
  Backward<Singles>(head, scratch);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(ForwardF32);
HWY_EXPORT(ForwardBf16);
HWY_EXPORT(BackwardF32);
HWY_EXPORT(BackwardBf16);

namespace {

using namespace attention_detail;

void run(const ForwardHead<float>& head, const ForwardScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(ForwardF32)(head, scratch);
}
void run(const ForwardHead<Bf16>& head, const ForwardScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(ForwardBf16)(head, scratch);
}
void run(const BackwardHead<float>& head, const BackwardScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(BackwardF32)(head, scratch);
}
void run(const BackwardHead<Bf16>& head, const BackwardScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(BackwardBf16)(head, scratch);
}

std::size_t sequences(const AttentionShape& shape) {
  return shape.offsets.empty() ? 0 : shape.offsets.size() - 1;
}

std::size_t longest(const AttentionShape& shape) {
  std::size_t rows = 0;
  for (std::size_t s = 0; s < sequences(shape); ++s) rows = std::max(rows, visible_rows(shape, s));
  return rows;
}

// `dterms` says whose gradients are wanted; forward wants none.
template <class Real>
void require_valid(const AttentionShape& shape, const ScoreTerms<Real>& terms,
                   const ScoreTermGradients<Real>& dterms = {}) {
  if (shape.heads <= 0 || shape.hidden % shape.heads != 0) {
    throw UserError(fmt::format("{} heads do not divide a hidden size of {}; take a divisor",
                                shape.heads, shape.hidden));
  }
  const std::size_t rows = longest(shape);
  const auto require_reach = [&](bool used, long reach, const char* term) {
    if (!used || static_cast<long>(rows) <= reach) return;
    throw UserError(fmt::format(
        "a sequence of {} rows is longer than the score bias by {}, which reaches {}; shorten the "
        "input or give the bias more",
        rows, term, reach));
  };
  const auto require_distances = [](bool used, long reach, const char* term) {
    if (!used || reach >= 0) return;
    throw UserError(fmt::format("the relative {} reach {} places; take 0 or more", term, reach));
  };
  require_reach(terms.by_distance.values != nullptr || dterms.by_distance != nullptr,
                terms.by_distance.reach, "distance");
  require_reach(terms.by_place.values != nullptr || dterms.by_place != nullptr,
                terms.by_place.reach, "place");
  require_distances(terms.keys.values != nullptr, terms.keys.reach, "keys");
  require_distances(terms.values.values != nullptr, terms.values.reach, "values");
}

// A head of a sequence: where its numbers begin.
struct Place {
  std::size_t row;      // first row
  std::size_t rows;     // visible ones
  std::size_t cached;   // those that are keys and values only
  std::size_t column;   // first column of a third of qkv, and of the context
  std::size_t head;     // 0 … H − 1
  std::size_t weights;  // in what forward keeps
};

// Calls body(place) for every sequence that has queries and every head, in order, and rest(first
// row, rows) for rows that are padding or belong to a sequence without queries.
template <class Body, class Rest>
void for_each_head(const AttentionShape& shape, Body body, Rest rest) {
  const std::size_t size = head_size(shape);
  std::size_t weights = 0;
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const auto row = static_cast<std::size_t>(shape.offsets[s]);
    const auto end = static_cast<std::size_t>(shape.offsets[s + 1]);
    const std::size_t cached = cached_rows(shape, s);
    const std::size_t rows = visible_rows(shape, s) > cached ? visible_rows(shape, s) : 0;
    for (std::size_t h = 0; rows > 0 && h < static_cast<std::size_t>(shape.heads); ++h) {
      body(Place{row, rows, cached, h * size, h, weights});
      weights += kept_per_head(rows - cached, rows);
    }
    if (row + rows < end) rest(row + rows, end - row - rows);
  }
}

// Rows from `first` on of a matrix of `width` columns become 0.
template <class T>
auto zeroing(T* matrix, std::size_t width) {
  return [=](std::size_t first, std::size_t rows) {
    std::fill_n(matrix + first * width, rows * width, T{});
  };
}

// The rows of a head of keys and values, or only those of its queries (behind the cached ones,
// which are set to 0).
template <class T>
Window<T> all_rows(T* first, std::size_t stride, const Place& at, std::size_t size) {
  return {first, stride, at.rows, size};
}
template <class T>
Window<T> queries(T* first, std::size_t stride, const Place& at, std::size_t size) {
  return {first + at.cached * stride, stride, at.rows - at.cached, size};
}
template <class T>
Window<T> zeroed_before_queries(T* first, std::size_t stride, const Place& at, std::size_t size) {
  for (std::size_t r = 0; r < at.cached; ++r) std::fill_n(first + r * stride, size, T{});
  return queries(first, stride, at, size);
}

template <class T>
T* shifted(T* pointer, std::size_t by) {
  return pointer == nullptr ? nullptr : pointer + by;
}

// `all` holds the terms, or their gradients, of all heads; `terms` says how far they reach.
template <class Real, class T>
TermPointers<T> at_head(const ScoreTerms<Real>& terms, TermPointers<T> all, std::size_t d,
                        const Place& at) {
  const auto distances = static_cast<std::size_t>(terms.by_distance.reach);
  const auto places = static_cast<std::size_t>(terms.by_place.reach);
  const auto relative = [&](T* values, long reach) {
    return shifted(values, static_cast<std::size_t>(reach) * d + at.column);
  };
  return {.by_distance = shifted(all.by_distance, at.head * (2 * distances - 1) + distances - 1),
          .by_place = shifted(all.by_place, at.head * places * places),
          .keys = relative(all.keys, terms.keys.reach),
          .values = relative(all.values, terms.values.reach),
          .query_shift = shifted(all.query_shift, at.column),
          .relative_shift = shifted(all.relative_shift, at.column)};
}

template <class Real>
TermPointers<const Real> pointers(const ScoreTerms<Real>& terms) {
  return {terms.by_distance.values, terms.by_place.values, terms.keys.values,
          terms.values.values,      terms.query_shift,     terms.relative_shift};
}

// Gradients of terms that are not there are nobody's.
template <class Real>
TermPointers<Real> pointers(const ScoreTermGradients<Real>& to, const ScoreTerms<Real>& terms) {
  return {to.by_distance,
          to.by_place,
          terms.keys.values == nullptr ? nullptr : to.keys,
          terms.values.values == nullptr ? nullptr : to.values,
          to.query_shift,
          to.relative_shift};
}

// A window of a head's term by place: from its first query on.
template <class T>
Window<T> place_window(T* values, long reach, const Place& at) {
  const auto places = static_cast<std::size_t>(reach);
  return {shifted(values, at.cached * places), places, at.rows - at.cached, at.rows};
}

// Relative vectors of a head from the lowest distance on.
template <class T>
Window<T> relative_window(T* at_distance_0, const Distances& distances, std::size_t d,
                          std::size_t size) {
  if (at_distance_0 == nullptr) return {};
  return {at_distance_0 + distances.lowest * static_cast<std::ptrdiff_t>(d), d, distances.count(),
          size};
}

HeadTerms head_terms(const AttentionShape& shape, const ScoreTerms<float>& terms, const Place& at) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  const TermPointers<const float> from = at_head(terms, pointers(terms), d, at);
  const auto relative = [&](const float* values, long reach) -> RelativeRows {
    if (values == nullptr) return {};
    const auto distances = Distances::within(reach, at.rows, shape.causal);
    return {relative_window(values, distances, d, head_size(shape)), distances};
  };
  return {.by_distance = from.by_distance,
          .by_place = place_window(from.by_place, terms.by_place.reach, at),
          .keys = relative(from.keys, terms.keys.reach),
          .values = relative(from.values, terms.values.reach),
          .query_shift = from.query_shift,
          .relative_shift = from.relative_shift};
}

HeadTermGradients head_gradients(const AttentionShape& shape, const ScoreTerms<float>& terms,
                                 const ScoreTermGradients<float>& dterms, const Place& at) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  const TermPointers<float> to = at_head(terms, pointers(dterms, terms), d, at);
  const auto relative = [&](float* values, long reach) {
    const auto distances = Distances::within(reach, at.rows, shape.causal);
    return relative_window(values, distances, d, head_size(shape));
  };
  return {.by_distance = to.by_distance,
          .by_place = place_window(to.by_place, terms.by_place.reach, at),
          .keys = relative(to.keys, terms.keys.reach),
          .values = relative(to.values, terms.values.reach),
          .query_shift = to.query_shift,
          .relative_shift = to.relative_shift};
}

template <class Stored>
void run_forward(const AttentionShape& shape, const Stored* qkv, const float* qkv_bias,
                 const ScoreTerms<float>& terms, float* scratch, Stored* weights, Stored* context) {
  require_valid(shape, terms);
  const auto d = static_cast<std::size_t>(shape.hidden);
  const std::size_t size = head_size(shape);
  for_each_head(
      shape,
      [&](const Place& at) {
        const HeadTerms terms_here = head_terms(shape, terms, at);
        Pieces pieces(scratch);
        const ForwardScratch parts(pieces, Widths(at.rows - at.cached, at.rows, size),
                                   TermWidths(terms_here, at.rows));
        const Stored* q = qkv + at.row * 3 * d + at.column;
        const float* bias = shifted(qkv_bias, at.column);
        Stored* out = context + at.row * d + at.column;
        run(ForwardHead<Stored>{.q = queries(q, 3 * d, at, size),
                                .k = all_rows(q + d, 3 * d, at, size),
                                .v = all_rows(q + 2 * d, 3 * d, at, size),
                                .q_bias = bias,
                                .k_bias = shifted(bias, d),
                                .v_bias = shifted(bias, 2 * d),
                                .terms = terms_here,
                                .causal = shape.causal,
                                .weights = shifted(weights, at.weights),
                                .context = zeroed_before_queries(out, d, at, size)},
            parts);
      },
      zeroing(context, d));
}

template <class Stored>
void run_backward(const AttentionShape& shape, const Stored* qkv, const float* qkv_bias,
                  const ScoreTerms<float>& terms, const Stored* weights, const Stored* dcontext,
                  float* scratch, Stored* dqkv, float* dqkv_bias,
                  const ScoreTermGradients<float>& dterms) {
  require_valid(shape, terms, dterms);
  const auto d = static_cast<std::size_t>(shape.hidden);
  const std::size_t size = head_size(shape);
  for_each_head(
      shape,
      [&](const Place& at) {
        const HeadTerms terms_here = head_terms(shape, terms, at);
        Pieces pieces(scratch);
        const BackwardScratch parts(pieces, Widths(at.rows - at.cached, at.rows, size),
                                    TermWidths(terms_here, at.rows));
        const std::size_t begin = at.row * 3 * d + at.column;
        const Stored* q = qkv + begin;
        const Stored* dout = dcontext + at.row * d + at.column;
        Stored* dq = dqkv + begin;
        const float* bias = shifted(qkv_bias, at.column);
        float* dbias = shifted(dqkv_bias, at.column);
        run(BackwardHead<Stored>{.q = queries(q, 3 * d, at, size),
                                 .k = all_rows(q + d, 3 * d, at, size),
                                 .v = all_rows(q + 2 * d, 3 * d, at, size),
                                 .dcontext = queries(dout, d, at, size),
                                 .q_bias = bias,
                                 .k_bias = shifted(bias, d),
                                 .v_bias = shifted(bias, 2 * d),
                                 .terms = terms_here,
                                 .causal = shape.causal,
                                 .weights = weights + at.weights,
                                 .dq = zeroed_before_queries(dq, 3 * d, at, size),
                                 .dk = all_rows(dq + d, 3 * d, at, size),
                                 .dv = all_rows(dq + 2 * d, 3 * d, at, size),
                                 .dq_bias = dbias,
                                 .dk_bias = shifted(dbias, d),
                                 .dv_bias = shifted(dbias, 2 * d),
                                 .dterms = head_gradients(shape, terms, dterms, at)},
            parts);
      },
      zeroing(dqkv, 3 * d));
}

scalar::AttentionHead<double> scalar_head(const AttentionShape& shape, const Place& at,
                                          const double* qkv, const double* qkv_bias,
                                          const ScoreTerms<double>& terms) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  return {.n = at.rows,
          .cached = at.cached,
          .size = head_size(shape),
          .d = d,
          .causal = shape.causal,
          .qkv = qkv + at.row * 3 * d + at.column,
          .bias = shifted(qkv_bias, at.column),
          .terms = at_head(terms, pointers(terms), d, at),
          .place_reach = terms.by_place.reach,
          .keys_reach = terms.keys.reach,
          .values_reach = terms.values.reach};
}

}  // namespace

std::size_t attention_weights(const AttentionShape& shape) {
  std::size_t sum = 0;
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const std::size_t rows = visible_rows(shape, s);
    sum +=
        static_cast<std::size_t>(shape.heads) * kept_per_head(rows - cached_rows(shape, s), rows);
  }
  return sum;
}

template <class Real>
std::size_t attention_scratch(const AttentionShape& shape, const ScoreTerms<Real>& terms) {
  const std::size_t n = longest(shape);
  const Widths widths(n, n, head_size(shape));
  const auto distances = [&](const RelativeVectors<Real>& vectors) {
    return vectors.values == nullptr ? Distances()
                                     : Distances::within(vectors.reach, n, shape.causal);
  };
  const TermWidths term_widths(distances(terms.keys), distances(terms.values),
                               terms.query_shift != nullptr || terms.relative_shift != nullptr, n);
  Pieces forward(nullptr), backward(nullptr);
  ForwardScratch(forward, widths, term_widths);
  BackwardScratch(backward, widths, term_widths);
  return std::max(forward.used(), backward.used());
}
template std::size_t attention_scratch(const AttentionShape&, const ScoreTerms<float>&);
template std::size_t attention_scratch(const AttentionShape&, const ScoreTerms<double>&);

void attention(const AttentionShape& shape, const float* qkv, const float* qkv_bias,
               const ScoreTerms<float>& terms, float* scratch, float* weights, float* context) {
  run_forward(shape, qkv, qkv_bias, terms, scratch, weights, context);
}

void attention(const AttentionShape& shape, const Bf16* qkv, const float* qkv_bias,
               const ScoreTerms<float>& terms, float* scratch, Bf16* weights, Bf16* context) {
  run_forward(shape, qkv, qkv_bias, terms, scratch, weights, context);
}

void attention(const AttentionShape& shape, const double* qkv, const double* qkv_bias,
               const ScoreTerms<double>& terms, double* scratch, double* weights, double* context) {
  require_valid(shape, terms);
  const auto d = static_cast<std::size_t>(shape.hidden);
  for_each_head(
      shape,
      [&](const Place& at) {
        double* out = context + at.row * d + at.column;
        zeroed_before_queries(out, d, at, head_size(shape));
        scalar::attention(scalar_head(shape, at, qkv, qkv_bias, terms), scratch,
                          shifted(weights, at.weights), out);
      },
      zeroing(context, d));
}

void attention_backward(const AttentionShape& shape, const float* qkv, const float* qkv_bias,
                        const ScoreTerms<float>& terms, const float* weights, const float* dcontext,
                        float* scratch, float* dqkv, float* dqkv_bias,
                        const ScoreTermGradients<float>& dterms) {
  run_backward(shape, qkv, qkv_bias, terms, weights, dcontext, scratch, dqkv, dqkv_bias, dterms);
}

void attention_backward(const AttentionShape& shape, const Bf16* qkv, const float* qkv_bias,
                        const ScoreTerms<float>& terms, const Bf16* weights, const Bf16* dcontext,
                        float* scratch, Bf16* dqkv, float* dqkv_bias,
                        const ScoreTermGradients<float>& dterms) {
  run_backward(shape, qkv, qkv_bias, terms, weights, dcontext, scratch, dqkv, dqkv_bias, dterms);
}

void attention_backward(const AttentionShape& shape, const double* qkv, const double* qkv_bias,
                        const ScoreTerms<double>& terms, const double* weights,
                        const double* dcontext, double* scratch, double* dqkv, double* dqkv_bias,
                        const ScoreTermGradients<double>& dterms) {
  require_valid(shape, terms, dterms);
  const auto d = static_cast<std::size_t>(shape.hidden);
  const auto zero = zeroing(dqkv, 3 * d);
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const auto row = static_cast<std::size_t>(shape.offsets[s]);
    zero(row, static_cast<std::size_t>(shape.offsets[s + 1]) - row);
  }
  for_each_head(
      shape,
      [&](const Place& at) {
        scalar::attention_backward(scalar_head(shape, at, qkv, qkv_bias, terms),
                                   weights + at.weights, dcontext + at.row * d + at.column, scratch,
                                   dqkv + at.row * 3 * d + at.column, shifted(dqkv_bias, at.column),
                                   at_head(terms, pointers(dterms, terms), d, at));
      },
      [](std::size_t, std::size_t) {});
}

}  // namespace posbench
#endif  // HWY_ONCE
