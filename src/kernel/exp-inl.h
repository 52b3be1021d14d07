// Powers of 2 and e that are never above 1, compiled once per instruction set (Highway's -inl.h
// idiom): what softmax and the normal density need, in half the instructions of Highway's Exp, and
// a NaN stays a NaN (Highway's becomes 0, and a broken training would look sound).
#if defined(POSBENCH_EXP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_EXP_INL_H_
#undef POSBENCH_EXP_INL_H_
#else
#define POSBENCH_EXP_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// x, or the limit where x is beyond it. Max and Min take their second operand where one is a NaN;
// only the target without vectors takes the one that is a number.
HWY_INLINE V AtLeast(V limit, V x) {
#if HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Lt(x, limit), limit, x);
#else
  return hn::Max(limit, x);
#endif
}
HWY_INLINE V AtMost(V limit, V x) {
#if HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Gt(x, limit), limit, x);
#else
  return hn::Min(limit, x);
#endif
}

// Adding this to y in −127 … 0 leaves round(y) + 127, the biased exponent of 2^round(y), in the
// lowest bits of the sum: from 1.5 · 2^23 on, floats are whole numbers.
inline constexpr float kRoundToExponent = 0x1.8p23f + 127.0f;

// 2^(whole + part), given the sum with kRoundToExponent and part in −1/2 … 1/2. The polynomial is
// minimax with p(0) = 1, so that 2^0 is exactly 1: 9.2e-8 relative, 2e-7 with rounding. Whole −127
// gives 0.
HWY_INLINE V Power(V shifted_whole, V part) {
  const D d;
  const auto set = [&](float value) HWY_ATTR { return hn::Set(d, value); };
  V p = hn::MulAdd(part, set(0x1.5bba14p-10f), set(0x1.3cea88p-7f));
  p = hn::MulAdd(p, part, set(0x1.c6b752p-5f));
  p = hn::MulAdd(p, part, set(0x1.ebf9bcp-3f));
  p = hn::MulAdd(p, part, set(0x1.62e42ap-1f));
  p = hn::MulAdd(p, part, set(1.0f));
  const hn::RebindToSigned<D> di;
  // A product, not a sum of exponents: it lets a NaN through.
  return hn::Mul(p, hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(di, shifted_whole))));
}

// 2^y for y in −127 … 0.
HWY_INLINE V Exp2OfNegative(V y) {
  const D d;
  const V shifted = hn::Add(y, hn::Set(d, kRoundToExponent));
  return Power(shifted, hn::Sub(y, hn::Sub(shifted, hn::Set(d, kRoundToExponent))));
}

// e^x for x ≤ 0; below −87.7 it is 0.
HWY_INLINE V ExpOfNegative(V x) {
  const D d;
  const V to_log2 = hn::Set(d, 0x1.715476p0f);
  const V clamped = AtLeast(hn::Set(d, -0x1.601e68p6f), x);  // −127 ln 2
  const V shifted = hn::MulAdd(clamped, to_log2, hn::Set(d, kRoundToExponent));
  return Power(shifted,
               hn::MulSub(clamped, to_log2, hn::Sub(shifted, hn::Set(d, kRoundToExponent))));
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
