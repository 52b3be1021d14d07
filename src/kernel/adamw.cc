#include "kernel/adamw.h"

#include <algorithm>

#include "kernel/vector_ops_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/adamw.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

double SumOfSquares(const float* HWY_RESTRICT x, std::size_t n) {
  const D d;
  double total = 0;
  for (std::size_t start = 0; start < n; start += 4096) {
    V sum = hn::Zero(d);
    for_each_vector(std::min<std::size_t>(4096, n - start),
                    [&](std::size_t, auto load, auto) HWY_ATTR {
                      const V value = load(x + start);
                      sum = hn::MulAdd(value, value, sum);
                    });
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  return total;
}

void Adamw(const AdamwStep& step, const float* HWY_RESTRICT gradient, std::size_t n,
           float* HWY_RESTRICT value, float* HWY_RESTRICT m, float* HWY_RESTRICT v,
           Bf16* HWY_RESTRICT stored) {
  const D d;
  const auto set = [&](double number) HWY_ATTR { return hn::Set(d, static_cast<float>(number)); };
  const V scale = set(step.gradient_scale);
  const V keep1 = set(AdamwStep::kBeta1), take1 = set(1 - AdamwStep::kBeta1);
  const V keep2 = set(AdamwStep::kBeta2), take2 = set(1 - AdamwStep::kBeta2);
  const V rate = set(step.learning_rate / step.correction1);
  const V unbias2 = set(1 / step.correction2);
  const V epsilon = set(AdamwStep::kEpsilon);
  const V keep = set(1 - step.learning_rate * step.weight_decay);
  for_each_vector(n, [&](std::size_t, auto load, auto store) HWY_ATTR {
    const V g = hn::Mul(load(gradient), scale);
    const V mean = hn::MulAdd(keep1, load(m), hn::Mul(take1, g));
    const V square = hn::MulAdd(keep2, load(v), hn::Mul(take2, hn::Mul(g, g)));
    const V deviation = hn::Add(hn::Sqrt(hn::Mul(square, unbias2)), epsilon);
    const V moved = hn::NegMulAdd(rate, hn::Div(mean, deviation), hn::Mul(load(value), keep));
    store(mean, m);
    store(square, v);
    store(moved, value);
    if (stored != nullptr) store(moved, stored);
  });
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(SumOfSquares);
double sum_of_squares(const float* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(SumOfSquares)(x, n);
}
double sum_of_squares(const double* x, std::size_t n) { return scalar::sum_of_squares(x, n); }

HWY_EXPORT(Adamw);
void adamw(const AdamwStep& step, const float* gradient, std::size_t n, float* value, float* m,
           float* v, Bf16* stored) {
  HWY_DYNAMIC_DISPATCH(Adamw)(step, gradient, n, value, m, v, stored);
}
void adamw(const AdamwStep& step, const double* gradient, std::size_t n, double* value, double* m,
           double* v, Bf16* stored) {
  scalar::adamw(step, gradient, n, value, m, v, stored);
}

}  // namespace posbench
#endif  // HWY_ONCE
