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

void require_valid(const AttentionShape& shape, bool has_score_bias, long reach) {
  if (shape.heads <= 0 || shape.hidden % shape.heads != 0) {
    throw UserError(fmt::format("{} heads do not divide a hidden size of {}; take a divisor",
                                shape.heads, shape.hidden));
  }
  const std::size_t rows = longest(shape);
  if (has_score_bias && static_cast<long>(rows) > reach) {
    throw UserError(
        fmt::format("a sequence of {} rows is longer than the {} "
                    "distances of the score bias; shorten the "
                    "input or give the bias more",
                    rows, reach));
  }
}

// A head of a sequence: where its numbers begin.
struct Place {
  std::size_t row;      // first row
  std::size_t rows;     // visible ones
  std::size_t column;   // first column of a third of qkv, and of the context
  std::size_t head;     // 0 … H − 1
  std::size_t weights;  // in what forward keeps
};

// Calls body(place) for every sequence and head, in order, and padding(first row, rows) for every
// sequence that has some.
template <class Body, class Padding>
void for_each_head(const AttentionShape& shape, Body body, Padding padding) {
  const std::size_t size = head_size(shape);
  std::size_t weights = 0;
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const auto row = static_cast<std::size_t>(shape.offsets[s]);
    const auto end = static_cast<std::size_t>(shape.offsets[s + 1]);
    const std::size_t rows = visible_rows(shape, s);
    for (std::size_t h = 0; rows > 0 && h < static_cast<std::size_t>(shape.heads); ++h) {
      body(Place{row, rows, h * size, h, weights});
      weights += kept_per_head(rows);
    }
    if (row + rows < end) padding(row + rows, end - row - rows);
  }
}

// Rows from `first` on of a matrix of `width` columns become 0.
template <class T>
auto zeroing(T* matrix, std::size_t width) {
  return [=](std::size_t first, std::size_t rows) {
    std::fill_n(matrix + first * width, rows * width, T{});
  };
}

template <class T>
T* shifted(T* pointer, std::size_t by) {
  return pointer == nullptr ? nullptr : pointer + by;
}

// The place of distance 0 in head h's row of a score bias.
template <class Real>
Real* at_distance_0(Real* values, long reach, std::size_t h) {
  const auto places = static_cast<std::size_t>(reach);
  return shifted(values, values == nullptr ? 0 : h * (2 * places - 1) + places - 1);
}

template <class Stored>
void run_forward(const AttentionShape& shape, const Stored* qkv, const float* qkv_bias,
                 const ScoreTerms<float>& terms, float* scratch, Stored* weights, Stored* context) {
  require_valid(shape, terms.by_distance.values != nullptr, terms.by_distance.reach);
  const auto d = static_cast<std::size_t>(shape.hidden);
  const std::size_t size = head_size(shape);
  for_each_head(
      shape,
      [&](const Place& at) {
        Pieces pieces(scratch);
        const ForwardScratch parts(pieces, Widths(at.rows, size));
        const Stored* q = qkv + at.row * 3 * d + at.column;
        const float* bias = shifted(qkv_bias, at.column);
        run(ForwardHead<Stored>{.q = {q, 3 * d, at.rows, size},
                                .k = {q + d, 3 * d, at.rows, size},
                                .v = {q + 2 * d, 3 * d, at.rows, size},
                                .q_bias = bias,
                                .k_bias = shifted(bias, d),
                                .v_bias = shifted(bias, 2 * d),
                                .score_bias = at_distance_0(terms.by_distance.values,
                                                            terms.by_distance.reach, at.head),
                                .causal = shape.causal,
                                .weights = shifted(weights, at.weights),
                                .context = {context + at.row * d + at.column, d, at.rows, size}},
            parts);
      },
      zeroing(context, d));
}

template <class Stored>
void run_backward(const AttentionShape& shape, const Stored* qkv, const float* qkv_bias,
                  const ScoreTerms<float>& terms, const Stored* weights, const Stored* dcontext,
                  float* scratch, Stored* dqkv, float* dqkv_bias,
                  const ScoreTermGradients<float>& dterms) {
  require_valid(shape, dterms.by_distance != nullptr, terms.by_distance.reach);
  const auto d = static_cast<std::size_t>(shape.hidden);
  const std::size_t size = head_size(shape);
  for_each_head(
      shape,
      [&](const Place& at) {
        Pieces pieces(scratch);
        const BackwardScratch parts(pieces, Widths(at.rows, size));
        const std::size_t begin = at.row * 3 * d + at.column;
        const Stored* q = qkv + begin;
        Stored* dq = dqkv + begin;
        const float* bias = shifted(qkv_bias, at.column);
        float* dbias = shifted(dqkv_bias, at.column);
        run(BackwardHead<Stored>{.q = {q, 3 * d, at.rows, size},
                                 .k = {q + d, 3 * d, at.rows, size},
                                 .v = {q + 2 * d, 3 * d, at.rows, size},
                                 .dcontext = {dcontext + at.row * d + at.column, d, at.rows, size},
                                 .q_bias = bias,
                                 .k_bias = shifted(bias, d),
                                 .v_bias = shifted(bias, 2 * d),
                                 .causal = shape.causal,
                                 .weights = weights + at.weights,
                                 .dq = {dq, 3 * d, at.rows, size},
                                 .dk = {dq + d, 3 * d, at.rows, size},
                                 .dv = {dq + 2 * d, 3 * d, at.rows, size},
                                 .dq_bias = dbias,
                                 .dk_bias = shifted(dbias, d),
                                 .dv_bias = shifted(dbias, 2 * d),
                                 .dscore_bias = at_distance_0(dterms.by_distance,
                                                              terms.by_distance.reach, at.head)},
            parts);
      },
      zeroing(dqkv, 3 * d));
}

scalar::AttentionHead<double> scalar_head(const AttentionShape& shape, const Place& at,
                                          const double* qkv, const double* qkv_bias,
                                          const ScoreTerms<double>& terms) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  return {.n = at.rows,
          .size = head_size(shape),
          .d = d,
          .causal = shape.causal,
          .qkv = qkv + at.row * 3 * d + at.column,
          .bias = shifted(qkv_bias, at.column),
          .score_bias = at_distance_0(terms.by_distance.values, terms.by_distance.reach, at.head)};
}

}  // namespace

std::size_t attention_weights(const AttentionShape& shape) {
  std::size_t sum = 0;
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    sum += static_cast<std::size_t>(shape.heads) * kept_per_head(visible_rows(shape, s));
  }
  return sum;
}

template <class Real>
std::size_t attention_scratch(const AttentionShape& shape, const ScoreTerms<Real>& /*terms*/) {
  const Widths widths(longest(shape), head_size(shape));
  Pieces forward(nullptr), backward(nullptr);
  ForwardScratch(forward, widths);
  BackwardScratch(backward, widths);
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
  require_valid(shape, terms.by_distance.values != nullptr, terms.by_distance.reach);
  const auto d = static_cast<std::size_t>(shape.hidden);
  for_each_head(
      shape,
      [&](const Place& at) {
        scalar::attention(scalar_head(shape, at, qkv, qkv_bias, terms), scratch,
                          shifted(weights, at.weights), context + at.row * d + at.column);
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
  require_valid(shape, dterms.by_distance != nullptr, terms.by_distance.reach);
  const auto d = static_cast<std::size_t>(shape.hidden);
  const auto zero = zeroing(dqkv, 3 * d);
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const auto row = static_cast<std::size_t>(shape.offsets[s]);
    zero(row, static_cast<std::size_t>(shape.offsets[s + 1]) - row);
  }
  for_each_head(
      shape,
      [&](const Place& at) {
        scalar::attention_backward(
            scalar_head(shape, at, qkv, qkv_bias, terms), weights + at.weights,
            dcontext + at.row * d + at.column, scratch, dqkv + at.row * 3 * d + at.column,
            shifted(dqkv_bias, at.column),
            at_distance_0(dterms.by_distance, terms.by_distance.reach, at.head));
      },
      [](std::size_t, std::size_t) {});
}

}  // namespace posbench
#endif  // HWY_ONCE
