#include "kernel/relu.h"

#include "kernel/vector_ops_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/relu.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

template <class Stored>
void BiasRelu(const Stored* x, const float* HWY_RESTRICT bias, std::size_t rows, std::size_t n,
              Stored* y) {
  const D d;
  for (std::size_t at = 0; at < rows * n; at += n) {
    for_each_vector(n, [&](std::size_t, auto load, auto store) HWY_ATTR {
      const V v = hn::Add(load(x + at), load(bias));
      store(hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v), y + at);
    });
  }
}

template <class Stored>
void ReluBackward(const Stored* HWY_RESTRICT y, std::size_t rows, std::size_t n,
                  Stored* HWY_RESTRICT dy, float* HWY_RESTRICT dbias) {
  const D d;
  for (std::size_t at = 0; at < rows * n; at += n) {
    for_each_vector(n, [&](std::size_t, auto load, auto store) HWY_ATTR {
      const V slope = hn::IfThenZeroElse(hn::Le(load(y + at), hn::Zero(d)), load(dy + at));
      store(slope, dy + at);
      store(hn::Add(load(dbias), slope), dbias);
    });
  }
}

// The names that HWY_EXPORT needs.
void BiasReluF32(const float* x, const float* bias, std::size_t rows, std::size_t n, float* y) {
  BiasRelu(x, bias, rows, n, y);
}
void BiasReluBf16(const Bf16* x, const float* bias, std::size_t rows, std::size_t n, Bf16* y) {
  BiasRelu(x, bias, rows, n, y);
}
void ReluBackwardF32(const float* y, std::size_t rows, std::size_t n, float* dy, float* dbias) {
  ReluBackward(y, rows, n, dy, dbias);
}
void ReluBackwardBf16(const Bf16* y, std::size_t rows, std::size_t n, Bf16* dy, float* dbias) {
  ReluBackward(y, rows, n, dy, dbias);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(BiasReluF32);
HWY_EXPORT(BiasReluBf16);
void bias_relu(const float* x, const float* bias, std::size_t rows, std::size_t n, float* y) {
  HWY_DYNAMIC_DISPATCH(BiasReluF32)(x, bias, rows, n, y);
}
void bias_relu(const Bf16* x, const float* bias, std::size_t rows, std::size_t n, Bf16* y) {
  HWY_DYNAMIC_DISPATCH(BiasReluBf16)(x, bias, rows, n, y);
}
void bias_relu(const double* x, const double* bias, std::size_t rows, std::size_t n, double* y) {
  scalar::bias_relu(x, bias, rows, n, y);
}

HWY_EXPORT(ReluBackwardF32);
HWY_EXPORT(ReluBackwardBf16);
void relu_backward(const float* y, std::size_t rows, std::size_t n, float* dy, float* dbias) {
  HWY_DYNAMIC_DISPATCH(ReluBackwardF32)(y, rows, n, dy, dbias);
}
void relu_backward(const Bf16* y, std::size_t rows, std::size_t n, Bf16* dy, float* dbias) {
  HWY_DYNAMIC_DISPATCH(ReluBackwardBf16)(y, rows, n, dy, dbias);
}
void relu_backward(const double* y, std::size_t rows, std::size_t n, double* dy, double* dbias) {
  scalar::relu_backward(y, rows, n, dy, dbias);
}

}  // namespace posbench
#endif  // HWY_ONCE
