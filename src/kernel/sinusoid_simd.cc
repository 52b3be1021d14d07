// The producer by polynomials in quarter-turns, with the frequency in two floats.
//
// The ladder of versions: libm_pow, libm and vector_library, then this one: no library call, no
// branch, and the angle right at every t; for one batch element added to x in registers. Precision:
// 2e-7 at every t up to 10^6, because the angle never passes through one float (SinCosHalfTurns).
// Cost: some 24 operations for two elements. Traffic in f32: x and y, 8 bytes an element; the
// constants, 8 bytes a pair of columns, stay in L1.
#include "kernel/sinusoid_producers.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/sinusoid_simd.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include "kernel/sinusoid_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

struct Polynomials {
  const float* high;
  const float* low;
  HWY_INLINE SinCos operator()(V t, std::size_t i) const {
    return SinCosHalfTurns(t, Load(high + i), Load(low + i));
  }
};

HWY_INLINE PairByPair<Polynomials> Kernel(Sinusoid sinusoid, const float* constants) {
  return {{constants, constants + padded_pairs(sinusoid)}};
}

std::vector<float> SimdConstants(Sinusoid sinusoid) {
  return in_group_order(split_half_turns(sinusoid), sinusoid, hn::Lanes(D()));
}
void SimdRows(Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
              float* out) {
  RowsBy(Kernel(sinusoid, constants), sinusoid, first, rows, out);
}
void SimdAdd(Sinusoid sinusoid, const float* constants, std::int64_t first, const Sum<float>& sum,
             Store store) {
  AddBy(Kernel(sinusoid, constants), sinusoid, first, sum, store);
}
void SimdAddBf16(Sinusoid sinusoid, const float* constants, std::int64_t first,
                 const Sum<Bf16>& sum, Store store) {
  AddBy(Kernel(sinusoid, constants), sinusoid, first, sum, store);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(SimdConstants);
HWY_EXPORT(SimdRows);
HWY_EXPORT(SimdAdd);
HWY_EXPORT(SimdAddBf16);

const SinusoidProducer kSinusoidSimd = {
    .name = "simd",
    .about = "polynomials in quarter-turns, frequencies kept in two floats each",
    .constants = [](Sinusoid sinusoid) { return HWY_DYNAMIC_DISPATCH(SimdConstants)(sinusoid); },
    .rows =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(SimdRows)
          (call...);
        },
    .add =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(SimdAdd)
          (call...);
        },
    .add_bf16 =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(SimdAddBf16)
          (call...);
        },
    .tolerance = [](std::int64_t) { return 2e-7; }};

}  // namespace posbench
#endif  // HWY_ONCE
