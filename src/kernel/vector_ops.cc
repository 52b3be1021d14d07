#include "kernel/vector_ops.h"

#include "kernel/vector_ops_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/vector_ops.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

void AddTo(float* HWY_RESTRICT y, const float* HWY_RESTRICT x, std::size_t n) {
  for_each_vector(
      n, [&](std::size_t, auto load, auto store) HWY_ATTR { store(hn::Add(load(y), load(x)), y); });
}

void AddBias(float* HWY_RESTRICT x, const float* HWY_RESTRICT bias, std::size_t rows,
             std::size_t width) {
  for (std::size_t r = 0; r < rows; ++r) AddTo(x + r * width, bias, width);
}

void AddColumnSums(float* HWY_RESTRICT sums, const float* HWY_RESTRICT x, std::size_t rows,
                   std::size_t width) {
  for (std::size_t r = 0; r < rows; ++r) AddTo(sums, x + r * width, width);
}

void RoundToBf16(const float* HWY_RESTRICT x, std::size_t n, Bf16* HWY_RESTRICT y) {
  for_each_vector(n, [&](std::size_t, auto load, auto store) HWY_ATTR { store(load(x), y); });
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(AddTo);
void add_to(float* y, const float* x, std::size_t n) { HWY_DYNAMIC_DISPATCH(AddTo)(y, x, n); }
void add_to(double* y, const double* x, std::size_t n) { scalar::add_to(y, x, n); }

HWY_EXPORT(AddBias);
void add_bias(float* x, const float* bias, std::size_t rows, std::size_t d) {
  HWY_DYNAMIC_DISPATCH(AddBias)(x, bias, rows, d);
}
void add_bias(double* x, const double* bias, std::size_t rows, std::size_t d) {
  scalar::add_bias(x, bias, rows, d);
}

HWY_EXPORT(AddColumnSums);
void add_column_sums(float* sums, const float* x, std::size_t rows, std::size_t d) {
  HWY_DYNAMIC_DISPATCH(AddColumnSums)(sums, x, rows, d);
}
void add_column_sums(double* sums, const double* x, std::size_t rows, std::size_t d) {
  scalar::add_column_sums(sums, x, rows, d);
}

HWY_EXPORT(RoundToBf16);
void round_to_bf16(const float* x, std::size_t n, Bf16* y) {
  HWY_DYNAMIC_DISPATCH(RoundToBf16)(x, n, y);
}

}  // namespace posbench
#endif  // HWY_ONCE
