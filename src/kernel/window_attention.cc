#include "kernel/window_attention.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "kernel/window_attention_parts.h"
#include "kernel/window_attention_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/window_attention.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include "kernel/window_attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// Functions of a template cannot be chosen at run time by name.
void WindowForwardF32(const attention_detail::WindowForwardHead<float>& head,
                      const attention_detail::WindowForwardScratch& scratch) {
  WindowForward<Singles>(head, scratch);
}
void WindowForwardBf16(const attention_detail::WindowForwardHead<Bf16>& head,
                       const attention_detail::WindowForwardScratch& scratch) {
#if HWY_TARGET == HWY_AVX3
  if (kCpuRoundsToBf16) return WindowForward<Bf16Pairs>(head, scratch);
#endif
  WindowForward<Singles>(head, scratch);
}
void WindowBackwardF32(const attention_detail::WindowBackwardHead<float>& head,
                       const attention_detail::WindowBackwardScratch& scratch) {
  WindowBackward<Singles>(head, scratch);
}
void WindowBackwardBf16(const attention_detail::WindowBackwardHead<Bf16>& head,
                        const attention_detail::WindowBackwardScratch& scratch) {
#if HWY_TARGET == HWY_AVX3
  if (kCpuRoundsToBf16) return WindowBackward<Bf16Pairs>(head, scratch);
#endif
  WindowBackward<Singles>(head, scratch);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(WindowForwardF32);
HWY_EXPORT(WindowForwardBf16);
HWY_EXPORT(WindowBackwardF32);
HWY_EXPORT(WindowBackwardBf16);

namespace {

using namespace attention_detail;

void run(const WindowForwardHead<float>& head, const WindowForwardScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(WindowForwardF32)(head, scratch);
}
void run(const WindowForwardHead<Bf16>& head, const WindowForwardScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(WindowForwardBf16)(head, scratch);
}
void run(const WindowBackwardHead<float>& head, const WindowBackwardScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(WindowBackwardF32)(head, scratch);
}
void run(const WindowBackwardHead<Bf16>& head, const WindowBackwardScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(WindowBackwardBf16)(head, scratch);
}

// The rows and heads of the batch, without who sees whom.
AttentionShape rows_and_heads(const WindowShape& shape) {
  return {.offsets = shape.offsets,
          .lengths = shape.lengths,
          .hidden = shape.hidden,
          .heads = shape.heads};
}

std::size_t sequences(const WindowShape& shape) {
  return shape.offsets.empty() ? 0 : shape.offsets.size() - 1;
}

void require_valid(const WindowShape& shape) {
  if (shape.heads <= 0 || shape.hidden % shape.heads != 0) {
    throw UserError(fmt::format("{} heads do not divide a hidden size of {}; take a divisor",
                                shape.heads, shape.hidden));
  }
  if (shape.window < 1) {
    throw UserError(fmt::format(
        "an attention window of {} leaves a row no neighbours; take 1 or more", shape.window));
  }
  if (shape.globals < 0) {
    throw UserError(fmt::format("there cannot be {} global rows; take 0 or more", shape.globals));
  }
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const std::size_t rows = visible_rows(rows_and_heads(shape), s);
    if (rows > 0 && rows < static_cast<std::size_t>(shape.globals)) {
      throw UserError(fmt::format(
          "{} global rows are more than the {} of sequence {}; take fewer, or leave out sequences "
          "as short",
          shape.globals, rows, s));
    }
  }
}

WindowPasses passes_of(const WindowShape& shape, std::size_t rows) {
  return {rows, static_cast<std::size_t>(shape.globals), static_cast<std::size_t>(shape.window)};
}

// A head of a sequence: where its numbers begin.
struct Place {
  std::size_t row;     // first row
  std::size_t column;  // first column of a third of qkv, and of the context
  WindowPasses passes;
  std::size_t weights;  // in what forward keeps
};

// Calls body(place) for every sequence and head, in order.
template <class Body>
void for_each_head(const WindowShape& shape, Body body) {
  const AttentionShape all = rows_and_heads(shape);
  std::size_t weights = 0;
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const std::size_t rows = visible_rows(all, s);
    if (rows == 0) continue;
    const WindowPasses passes = passes_of(shape, rows);
    for (std::size_t h = 0; h < static_cast<std::size_t>(shape.heads); ++h) {
      const auto row = static_cast<std::size_t>(shape.offsets[s]);
      body(Place{row, h * head_size(all), passes, weights});
      weights += passes.kept;
    }
  }
}

// Padding of a matrix of `width` columns becomes 0.
template <class T>
void clear_padding(const WindowShape& shape, T* matrix, std::size_t width) {
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const auto first = static_cast<std::size_t>(shape.offsets[s]);
    const auto end = static_cast<std::size_t>(shape.offsets[s + 1]);
    const std::size_t rows = visible_rows(rows_and_heads(shape), s);
    std::fill(matrix + (first + rows) * width, matrix + end * width, T{});
  }
}

// Queries that a pass does not have get no gradient from it: rows first … end − 1 of `matrix`.
template <class T>
void clear_rows(const Window<T>& matrix, std::size_t first, std::size_t end) {
  for (std::size_t r = first; r < end; ++r) {
    std::fill_n(matrix.data + r * matrix.stride, matrix.columns, T{});
  }
}

template <class T>
T* shifted(T* pointer, std::size_t by) {
  return pointer == nullptr ? nullptr : pointer + by;
}

template <class Stored>
Projections<Stored> projections(const WindowShape& shape, const Place& at, const Stored* qkv,
                                const float* bias) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  const std::size_t n = at.passes.others.n, size = head_size(rows_and_heads(shape));
  const Stored* q = qkv + at.row * 3 * d + at.column;
  return {.q = {q, 3 * d, n, size},
          .k = {q + d, 3 * d, n, size},
          .v = {q + 2 * d, 3 * d, n, size},
          .q_bias = shifted(bias, at.column),
          .k_bias = shifted(bias, at.column + d),
          .v_bias = shifted(bias, at.column + 2 * d)};
}

template <class Stored>
ProjectionGradients<Stored> gradients(const WindowShape& shape, const Place& at, Stored* dqkv,
                                      float* dbias) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  const std::size_t n = at.passes.others.n, size = head_size(rows_and_heads(shape));
  Stored* dq = dqkv + at.row * 3 * d + at.column;
  return {.q = {dq, 3 * d, n, size},
          .k = {dq + d, 3 * d, n, size},
          .v = {dq + 2 * d, 3 * d, n, size},
          .q_bias = shifted(dbias, at.column),
          .k_bias = shifted(dbias, at.column + d),
          .v_bias = shifted(dbias, at.column + 2 * d)};
}

template <class T>
Window<T> context_rows(const WindowShape& shape, const Place& at, T* context) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  return {context + at.row * d + at.column, d, at.passes.others.n,
          head_size(rows_and_heads(shape))};
}

template <class Stored>
void run_forward(const WindowShape& shape, const Stored* qkv, const float* qkv_bias,
                 const Stored* global_qkv, const float* global_bias, float* scratch,
                 Stored* weights, Stored* context) {
  require_valid(shape);
  clear_padding(shape, context, static_cast<std::size_t>(shape.hidden));
  for_each_head(shape, [&](const Place& at) {
    Pieces pieces(scratch);
    const WindowForwardScratch parts(pieces,
                                     WindowWidths(at.passes, head_size(rows_and_heads(shape))));
    const auto local = projections(shape, at, qkv, qkv_bias);
    const bool shared = global_qkv == nullptr;
    run(
        WindowForwardHead<Stored>{
            .passes = at.passes,
            .local = local,
            .global = shared ? local : projections(shape, at, global_qkv, global_bias),
            .shared = shared,
            .weights = shifted(weights, at.weights),
            .context = context_rows(shape, at, context)},
        parts);
  });
}

template <class Stored>
void run_backward(const WindowShape& shape, const Stored* qkv, const float* qkv_bias,
                  const Stored* global_qkv, const float* global_bias, const Stored* weights,
                  const Stored* dcontext, float* scratch, Stored* dqkv, float* dqkv_bias,
                  Stored* dglobal_qkv, float* dglobal_bias) {
  require_valid(shape);
  const std::size_t width = 3 * static_cast<std::size_t>(shape.hidden);
  const bool shared = global_qkv == nullptr;
  clear_padding(shape, dqkv, width);
  if (!shared) clear_padding(shape, dglobal_qkv, width);
  for_each_head(shape, [&](const Place& at) {
    Pieces pieces(scratch);
    const WindowBackwardScratch parts(pieces,
                                      WindowWidths(at.passes, head_size(rows_and_heads(shape))));
    const auto local = projections(shape, at, qkv, qkv_bias);
    const auto dlocal = gradients(shape, at, dqkv, dqkv_bias);
    const auto dglobal = shared ? dlocal : gradients(shape, at, dglobal_qkv, dglobal_bias);
    if (!shared) {
      clear_rows(dlocal.q, 0, at.passes.globals.rows);
      clear_rows(dglobal.q, at.passes.globals.rows, at.passes.others.n);
    }
    run(
        WindowBackwardHead<Stored>{
            .passes = at.passes,
            .local = local,
            .global = shared ? local : projections(shape, at, global_qkv, global_bias),
            .shared = shared,
            .dcontext = context_rows(shape, at, dcontext),
            .weights = weights + at.weights,
            .dlocal = dlocal,
            .dglobal = dglobal},
        parts);
  });
}

scalar::WindowAttentionHead<double> scalar_head(const WindowShape& shape, const Place& at,
                                                const Pass& pass, const double* qkv,
                                                const double* bias) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  return {.pass = pass,
          .size = head_size(rows_and_heads(shape)),
          .d = d,
          .qkv = qkv + at.row * 3 * d + at.column,
          .bias = shifted(bias, at.column)};
}

}  // namespace

std::size_t window_attention_weights(const WindowShape& shape) {
  require_valid(shape);
  std::size_t sum = 0;
  for_each_head(shape, [&](const Place& at) { sum += at.passes.kept; });
  return sum;
}

std::size_t window_attention_scratch(const WindowShape& shape) {
  require_valid(shape);
  std::size_t most = 0;
  for_each_head(shape, [&](const Place& at) {
    const WindowWidths widths(at.passes, head_size(rows_and_heads(shape)));
    Pieces forward(nullptr), backward(nullptr);
    WindowForwardScratch(forward, widths);
    WindowBackwardScratch(backward, widths);
    most = std::max({most, forward.used(), backward.used()});
  });
  return most;
}

void window_attention(const WindowShape& shape, const float* qkv, const float* qkv_bias,
                      const float* global_qkv, const float* global_bias, float* scratch,
                      float* weights, float* context) {
  run_forward(shape, qkv, qkv_bias, global_qkv, global_bias, scratch, weights, context);
}

void window_attention(const WindowShape& shape, const Bf16* qkv, const float* qkv_bias,
                      const Bf16* global_qkv, const float* global_bias, float* scratch,
                      Bf16* weights, Bf16* context) {
  run_forward(shape, qkv, qkv_bias, global_qkv, global_bias, scratch, weights, context);
}

void window_attention(const WindowShape& shape, const double* qkv, const double* qkv_bias,
                      const double* global_qkv, const double* global_bias, double* scratch,
                      double* weights, double* context) {
  require_valid(shape);
  const auto d = static_cast<std::size_t>(shape.hidden);
  clear_padding(shape, context, d);
  const bool shared = global_qkv == nullptr;
  const double* of_globals = shared ? qkv : global_qkv;
  const double* bias_of_globals = shared ? qkv_bias : global_bias;
  for_each_head(shape, [&](const Place& at) {
    double* rows = context + at.row * d + at.column;
    scalar::window_attention(scalar_head(shape, at, at.passes.others, qkv, qkv_bias), scratch,
                             shifted(weights, at.weights), rows);
    scalar::window_attention(scalar_head(shape, at, at.passes.globals, of_globals, bias_of_globals),
                             scratch, shifted(weights, at.weights + at.passes.kept_globals), rows);
  });
}

void window_attention_backward(const WindowShape& shape, const float* qkv, const float* qkv_bias,
                               const float* global_qkv, const float* global_bias,
                               const float* weights, const float* dcontext, float* scratch,
                               float* dqkv, float* dqkv_bias, float* dglobal_qkv,
                               float* dglobal_bias) {
  run_backward(shape, qkv, qkv_bias, global_qkv, global_bias, weights, dcontext, scratch, dqkv,
               dqkv_bias, dglobal_qkv, dglobal_bias);
}

void window_attention_backward(const WindowShape& shape, const Bf16* qkv, const float* qkv_bias,
                               const Bf16* global_qkv, const float* global_bias,
                               const Bf16* weights, const Bf16* dcontext, float* scratch,
                               Bf16* dqkv, float* dqkv_bias, Bf16* dglobal_qkv,
                               float* dglobal_bias) {
  run_backward(shape, qkv, qkv_bias, global_qkv, global_bias, weights, dcontext, scratch, dqkv,
               dqkv_bias, dglobal_qkv, dglobal_bias);
}

void window_attention_backward(const WindowShape& shape, const double* qkv, const double* qkv_bias,
                               const double* global_qkv, const double* global_bias,
                               const double* weights, const double* dcontext, double* scratch,
                               double* dqkv, double* dqkv_bias, double* dglobal_qkv,
                               double* dglobal_bias) {
  require_valid(shape);
  const auto d = static_cast<std::size_t>(shape.hidden);
  const bool shared = global_qkv == nullptr;
  const double* of_globals = shared ? qkv : global_qkv;
  const double* bias_of_globals = shared ? qkv_bias : global_bias;
  double* dof_globals = shared ? dqkv : dglobal_qkv;
  double* dbias_of_globals = shared ? dqkv_bias : dglobal_bias;
  for (double* gradient : {dqkv, dof_globals}) {
    if (shape.offsets.empty()) break;
    std::fill(gradient + static_cast<std::size_t>(shape.offsets.front()) * 3 * d,
              gradient + static_cast<std::size_t>(shape.offsets.back()) * 3 * d, 0.0);
  }
  for_each_head(shape, [&](const Place& at) {
    const std::size_t begin = at.row * 3 * d + at.column;
    const double* dout = dcontext + at.row * d + at.column;
    scalar::window_attention_backward(scalar_head(shape, at, at.passes.others, qkv, qkv_bias),
                                      weights + at.weights, dout, scratch, dqkv + begin,
                                      shifted(dqkv_bias, at.column));
    scalar::window_attention_backward(
        scalar_head(shape, at, at.passes.globals, of_globals, bias_of_globals),
        weights + at.weights + at.passes.kept_globals, dout, scratch, dof_globals + begin,
        shifted(dbias_of_globals, at.column));
  });
}

}  // namespace posbench
#endif  // HWY_ONCE
