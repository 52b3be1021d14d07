// The turning of blocks of sines and cosines, compiled once per instruction set (Highway's -inl.h
// idiom).
#include "kernel/sinusoid_producers.h"

#if defined(POSBENCH_SINUSOID_TURN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_SINUSOID_TURN_INL_H_
#undef POSBENCH_SINUSOID_TURN_INL_H_
#else
#define POSBENCH_SINUSOID_TURN_INL_H_
#endif

#include "kernel/sinusoid_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// Pointers into the constants of a recurrence: arrays of padded_pairs, then of 2 · padded_pairs
// values.
struct TurnConstants {
  const float* high;  // ω/π in two floats, in group order
  const float* low;
  const float* cos1;  // of ω, in block order
  const float* sin1;
  const float* cos2;  // of 2ω; not there for tiles
  const float* sin2;

  TurnConstants(Sinusoid sinusoid, const float* values) {
    const std::size_t n = padded_pairs(sinusoid);
    high = values;
    low = values + n;
    cos1 = values + 2 * n;
    sin1 = values + 4 * n;
    cos2 = values + 6 * n;
    sin2 = values + 8 * n;
  }
  HWY_INLINE SinCos Seed(V t, std::size_t i) const {
    return SinCosHalfTurns(t, Load(high + i), Load(low + i));
  }
};

HWY_INLINE Block LoadBlock(const float* values, std::size_t i) {
  return {Load(values + 2 * i), Load(values + 2 * i + hn::Lanes(D()))};
}

HWY_INLINE void StoreBlock(Block block, float* values, std::size_t i) {
  hn::StoreU(block.a, D(), values + 2 * i);
  hn::StoreU(block.b, D(), values + 2 * i + hn::Lanes(D()));
}

// The block turned by an angle. The sine needs its cosine and the cosine its sine: with sines and
// cosines in turn that is the neighbouring lane, else the other vector. `sin` is negative for
// cosines.
template <Convention kConvention>
HWY_INLINE Block Turn(Block block, Block cos, Block sin) {
  V partner_a = block.b;
  V partner_b = block.a;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (kInTurn<kConvention>) {
    partner_a = hn::Shuffle2301(block.a);
    partner_b = hn::Shuffle2301(block.b);
  }
#endif
  return {hn::MulAdd(block.a, cos.a, hn::Mul(partner_a, sin.a)),
          hn::MulAdd(block.b, cos.b, hn::Mul(partner_b, sin.b))};
}

HWY_INLINE V PositionOf(std::int64_t first, std::size_t row) {
  return hn::Set(D(), static_cast<float>(first + static_cast<std::int64_t>(row)));
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
