#include "kernel/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernel/attention_places.h"
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
          .values_reach = terms.values.reach,
          .content_scale = terms.content_scale};
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
