// What the vectorised producers share, compiled once per instruction set (Highway's -inl.h idiom).
#include "kernel/sinusoid_producers.h"

#if defined(POSBENCH_SINUSOID_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_SINUSOID_ROWS_INL_H_
#undef POSBENCH_SINUSOID_ROWS_INL_H_
#else
#define POSBENCH_SINUSOID_ROWS_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

struct SinCos {
  V sin;
  V cos;
};

// Writes pairs i … i + lanes − 1, as many as there are, to a row (d).
template <Convention kConvention>
HWY_INLINE void StorePairs(SinCos value, std::size_t i, std::size_t pairs, float* row) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
#if HWY_TARGET != HWY_SCALAR  // which has no interleaved store, and lanes too few to need one
  if (HWY_LIKELY(i + lanes <= pairs)) {
    if constexpr (kConvention == Convention::kInterleaved) {
      hn::StoreInterleaved2(value.sin, value.cos, d, row + 2 * i);
    } else {
      hn::StoreU(value.sin, d, row + i);
      hn::StoreU(value.cos, d, row + pairs + i);
    }
    return;
  }
#endif
  HWY_ALIGN float sines[hn::MaxLanes(d)];
  HWY_ALIGN float cosines[hn::MaxLanes(d)];
  hn::Store(value.sin, d, sines);
  hn::Store(value.cos, d, cosines);
  const Sinusoid sinusoid{kConvention, 2 * pairs};
  for (std::size_t k = 0; k < HWY_MIN(lanes, pairs - i); ++k) {
    row[sine_column(sinusoid, i + k)] = sines[k];
    row[cosine_column(sinusoid, i + k)] = cosines[k];
  }
}

// The rounding error of product = a · b, exactly: one fused multiply-subtract, or where there is
// none the 17 operations of Dekker (1971) on 12-bit halves.
HWY_INLINE V ProductError(V a, V b, V product) {
#if HWY_NATIVE_FMA
  return hn::MulSub(a, b, product);
#else
  const V splitter = hn::Set(D(), 4097.0f);  // 2^12 + 1
  const V a_shifted = hn::Mul(splitter, a);
  const V a_high = hn::Sub(a_shifted, hn::Sub(a_shifted, a));
  const V a_low = hn::Sub(a, a_high);
  const V b_shifted = hn::Mul(splitter, b);
  const V b_high = hn::Sub(b_shifted, hn::Sub(b_shifted, b));
  const V b_low = hn::Sub(b, b_high);
  V error = hn::Sub(hn::Mul(a_high, b_high), product);
  error = hn::Add(error, hn::Mul(a_high, b_low));
  error = hn::Add(error, hn::Mul(a_low, b_high));
  return hn::Add(error, hn::Mul(a_low, b_low));
#endif
}

// sin and cos of t · (high + low) half-turns: the product is formed in two floats, whole half-turns
// are taken off exactly and flip the sign where odd, and what is left, −½ … ½, goes into two
// polynomials fitted by iterated least squares (their own errors: 3.3e-9 and 2.4e-10).
HWY_INLINE SinCos SinCosHalfTurns(V t, V high, V low) {
  const D d;
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };

  const V product = hn::Mul(t, high);
  const V rest = hn::MulAdd(t, low, ProductError(t, high, product));
  const auto whole = hn::NearestInt(product);
  const V r = hn::Add(hn::Sub(product, hn::ConvertTo(d, whole)), rest);
  const V sign = hn::BitCast(d, hn::ShiftLeft<31>(whole));

  // sin πr = 2r + r·S(r²) and cos πr = 1 − 4r² + r²·C(r²): the large exact parts outside keep the
  // rounding errors of S and C small, with and without fused operations.
  const V z = hn::Mul(r, r);
  V sine = hn::MulAdd(set(0.07722013f), z, set(-0.59804517f));
  sine = hn::MulAdd(sine, z, set(2.5500314f));
  sine = hn::MulAdd(sine, z, set(-5.1677069f));
  sine = hn::MulAdd(sine, z, set(1.1415926f));
  sine = hn::MulAdd(sine, r, hn::Add(r, r));
  V cosine = hn::MulAdd(set(-0.0244207f), z, set(0.23495393f));
  cosine = hn::MulAdd(cosine, z, set(-1.3352161f));
  cosine = hn::MulAdd(cosine, z, set(4.0587096f));
  cosine = hn::MulAdd(cosine, z, set(-0.93480216f));
  cosine = hn::MulAdd(cosine, z, hn::NegMulAdd(z, set(4.0f), set(1.0f)));
  return {hn::Xor(sine, sign), hn::Xor(cosine, sign)};
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
