// The producer by rotation: row t + 1 is row t turned by ω, four multiplications a pair and no
// trigonometry.
//
// Precision: each step adds about one rounding error, so a run of 32 rows starts from a freshly
// computed row (the polynomial of sinusoid_simd.cc) and stays within 2e-6 at every t up to 10^6;
// never starting afresh would end at 8e-5 after 2,048 rows. Bytes read: 16 for each pair of
// columns, once for 32 rows.
#include <cmath>

#include "kernel/sinusoid_producers.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/sinusoid_recurrence.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/sinusoid_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

struct RotationConstants {
  const float* high;  // ω/π in two floats
  const float* low;
  const float* sin;  // of ω
  const float* cos;
};

// One run of rows from position `first`, column block by column block, so that the turning pair and
// its step stay in registers.
template <Convention kConvention>
void Run(std::size_t pairs, RotationConstants constants, std::int64_t first, std::size_t rows,
         float* out) {
  const D d;
  const V t = hn::Set(d, static_cast<float>(first));
  for (std::size_t i = 0; i < pairs; i += hn::Lanes(d)) {
    SinCos now =
        SinCosHalfTurns(t, hn::LoadU(d, constants.high + i), hn::LoadU(d, constants.low + i));
    const V sin_step = hn::LoadU(d, constants.sin + i);
    const V cos_step = hn::LoadU(d, constants.cos + i);
    for (std::size_t row = 0; row < rows; ++row) {
      StorePairs<kConvention>(now, i, pairs, out + row * 2 * pairs);
      now = {hn::MulAdd(now.sin, cos_step, hn::Mul(now.cos, sin_step)),
             hn::NegMulAdd(now.sin, sin_step, hn::Mul(now.cos, cos_step))};
    }
  }
}

void RecurrenceRows(Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
                    float* out) {
  const auto run = sinusoid.convention == Convention::kInterleaved
                       ? Run<Convention::kInterleaved>
                       : Run<Convention::kTensor2tensor>;
  const std::size_t padded = padded_pairs(sinusoid);
  const RotationConstants parts{constants, constants + padded, constants + 2 * padded,
                                constants + 3 * padded};
  for (std::size_t row = 0; row < rows; row += kRecurrencePeriod) {
    run(sinusoid.pairs(), parts, first + static_cast<std::int64_t>(row),
        HWY_MIN(kRecurrencePeriod, rows - row), out + row * sinusoid.hidden);
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {
namespace {

std::vector<float> rotation_constants(Sinusoid sinusoid) {
  std::vector<float> constants = split_half_turns(sinusoid);
  const std::size_t padded = padded_pairs(sinusoid);
  constants.resize(4 * padded);
  const std::vector<long double> frequencies = sinusoid_frequencies(sinusoid);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    constants[2 * padded + i] = static_cast<float>(std::sin(frequencies[i]));
    constants[3 * padded + i] = static_cast<float>(std::cos(frequencies[i]));
  }
  return constants;
}

}  // namespace

HWY_EXPORT(RecurrenceRows);

const SinusoidProducer kSinusoidRecurrence = {
    "recurrence", "each row turned into the next, a fresh start every 32 rows", rotation_constants,
    [](Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
       float* out) {
      HWY_DYNAMIC_DISPATCH(RecurrenceRows)
      (sinusoid, constants, first, rows, out);
    },
    [](std::int64_t) { return 2e-6; }};

}  // namespace posbench
#endif  // HWY_ONCE
