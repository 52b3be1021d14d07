#include "kernel/cross_entropy.h"

#include <cmath>

#include "kernel/vector_ops_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/cross_entropy.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/exp-inl.h"
#include "kernel/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

template <class Stored>
void CrossEntropy(const float* logits, const std::int32_t* HWY_RESTRICT labels, std::size_t rows,
                  std::size_t classes, float* HWY_RESTRICT row_losses, float scale, Stored* dlogits,
                  float* HWY_RESTRICT dbias) {
  const D d;
  const V lowest = hn::Set(d, -3.4e38f);
  const V lane = hn::Iota(d, 0.0f);
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = logits + r * classes;
    const std::size_t label = static_cast<std::size_t>(labels[r]);
    V tops = lowest;
    for_each_vector(classes, [&](std::size_t i, auto load, auto) HWY_ATTR {
      tops = hn::Max(tops, hn::IfThenElse(hn::FirstN(d, classes - i), load(row), lowest));
    });
    const V top = hn::MaxOfLanes(d, tops);
    V sums = hn::Zero(d);
    for_each_vector(classes, [&](std::size_t i, auto load, auto) HWY_ATTR {
      const V power = ExpOfNegative(hn::Sub(load(row), top));
      sums = hn::Add(sums, hn::IfThenElseZero(hn::FirstN(d, classes - i), power));
    });
    const float sum = hn::GetLane(hn::SumOfLanes(d, sums));
    row_losses[r] = std::log(sum) - (row[label] - hn::GetLane(top));
    if (dlogits == nullptr) continue;

    // The powers are computed again: there is nowhere to keep them where Stored is bf16.
    Stored* slopes = dlogits + r * classes;
    const V share = hn::Set(d, scale / sum), whole = hn::Set(d, scale);
    for_each_vector(classes, [&](std::size_t i, auto load, auto store) HWY_ATTR {
      const V power = ExpOfNegative(hn::Sub(load(row), top));
      const V here =
          hn::Set(d, static_cast<float>(static_cast<long>(label) - static_cast<long>(i)));
      const V one_hot = hn::IfThenElseZero(hn::Eq(lane, here), whole);
      const V slope = hn::MulSub(power, share, one_hot);
      store(slope, slopes);
      if (dbias != nullptr) store(hn::Add(load(dbias), slope), dbias);
    });
  }
}

void CrossEntropyF32(const float* logits, const std::int32_t* labels, std::size_t rows,
                     std::size_t classes, float* row_losses, float scale, float* dlogits,
                     float* dbias) {
  CrossEntropy(logits, labels, rows, classes, row_losses, scale, dlogits, dbias);
}
void CrossEntropyBf16(const float* logits, const std::int32_t* labels, std::size_t rows,
                      std::size_t classes, float* row_losses, float scale, Bf16* dlogits,
                      float* dbias) {
  CrossEntropy(logits, labels, rows, classes, row_losses, scale, dlogits, dbias);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(CrossEntropyF32);
HWY_EXPORT(CrossEntropyBf16);
void cross_entropy(const float* logits, const std::int32_t* labels, std::size_t rows,
                   std::size_t classes, float* row_losses, float scale, float* dlogits,
                   float* dbias) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyF32)
  (logits, labels, rows, classes, row_losses, scale, dlogits, dbias);
}
void cross_entropy(const float* logits, const std::int32_t* labels, std::size_t rows,
                   std::size_t classes, float* row_losses, float scale, Bf16* dlogits,
                   float* dbias) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyBf16)
  (logits, labels, rows, classes, row_losses, scale, dlogits, dbias);
}
void cross_entropy(const double* logits, const std::int32_t* labels, std::size_t rows,
                   std::size_t classes, double* row_losses, double scale, double* dlogits,
                   double* dbias) {
  scalar::cross_entropy(logits, labels, rows, classes, row_losses, scale, dlogits, dbias);
}

}  // namespace posbench
#endif  // HWY_ONCE
