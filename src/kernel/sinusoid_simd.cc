// The producer by polynomials in half-turns, with the frequency in two floats.
//
// Precision: 2e-7 at every t up to 10^6, because the angle never passes through one float
// (SinCosHalfTurns). Cost: some 25 operations for two elements. Bytes read: 8 for each pair of
// columns.
#include "kernel/sinusoid_producers.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/sinusoid_simd.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/sinusoid_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

template <Convention kConvention>
void Rows(std::size_t pairs, const float* high, const float* low, std::int64_t first,
          std::size_t rows, float* out) {
  const D d;
  for (std::size_t row = 0; row < rows; ++row) {
    const V t = hn::Set(d, static_cast<float>(first + static_cast<std::int64_t>(row)));
    for (std::size_t i = 0; i < pairs; i += hn::Lanes(d)) {
      StorePairs<kConvention>(SinCosHalfTurns(t, hn::LoadU(d, high + i), hn::LoadU(d, low + i)), i,
                              pairs, out + row * 2 * pairs);
    }
  }
}

void SimdRows(Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
              float* out) {
  const auto fill = sinusoid.convention == Convention::kInterleaved
                        ? Rows<Convention::kInterleaved>
                        : Rows<Convention::kTensor2tensor>;
  fill(sinusoid.pairs(), constants, constants + padded_pairs(sinusoid), first, rows, out);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(SimdRows);

const SinusoidProducer kSinusoidSimd = {
    "simd", "polynomials in half-turns, frequencies kept in two floats each", split_half_turns,
    [](Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
       float* out) {
      HWY_DYNAMIC_DISPATCH(SimdRows)
      (sinusoid, constants, first, rows, out);
    },
    [](std::int64_t) { return 2e-7; }};

}  // namespace posbench
#endif  // HWY_ONCE
