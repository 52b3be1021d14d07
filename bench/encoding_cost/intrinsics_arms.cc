// The two hottest kernels once more, by hand in AVX-512 intrinsics: what Highway and its run-time
// dispatch cost. Controls, not encodings; for whole blocks of 64 columns only.
#include <fmt/format.h>
#include <immintrin.h>

#include "base/error.h"
#include "encoding_cost/arms.h"
#include "kernel/isa.h"
#include "kernel/sinusoid_producers.h"

// GCC 12 reports its own header's _mm512_undefined_* as uninitialised (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

namespace posbench {
namespace {

constexpr std::size_t kLanes = 16;

#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq")

void add(const float* x, const float* rows, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; i += 4 * kLanes) {
    const __m512 sum0 = _mm512_add_ps(_mm512_loadu_ps(x + i), _mm512_loadu_ps(rows + i));
    const __m512 sum1 = _mm512_add_ps(_mm512_loadu_ps(x + i + 16), _mm512_loadu_ps(rows + i + 16));
    const __m512 sum2 = _mm512_add_ps(_mm512_loadu_ps(x + i + 32), _mm512_loadu_ps(rows + i + 32));
    const __m512 sum3 = _mm512_add_ps(_mm512_loadu_ps(x + i + 48), _mm512_loadu_ps(rows + i + 48));
    _mm512_storeu_ps(y + i, sum0);
    _mm512_storeu_ps(y + i + 16, sum1);
    _mm512_storeu_ps(y + i + 32, sum2);
    _mm512_storeu_ps(y + i + 48, sum3);
  }
}

struct Pair {
  __m512 sin;
  __m512 cos;
};

// SinCosHalfTurns of kernel/sinusoid_rows-inl.h, operation by operation.
inline Pair sin_cos(__m512 t, __m512 high, __m512 low) {
  const __m512 twice = _mm512_add_ps(t, t);
  const __m512 product = _mm512_mul_ps(twice, high);
  const __m512 rest = _mm512_fmadd_ps(twice, low, _mm512_fmsub_ps(twice, high, product));
  const __m512 shifter = _mm512_set1_ps(12582912.0f);
  const __m512 shifted = _mm512_fmadd_ps(twice, high, shifter);
  const __m512i quarter = _mm512_castps_si512(shifted);
  const __m512 r = _mm512_add_ps(_mm512_sub_ps(product, _mm512_sub_ps(shifted, shifter)), rest);
  const __m512 z = _mm512_mul_ps(r, r);
  __m512 odd = _mm512_fmadd_ps(_mm512_set1_ps(-0.004580135f), z, _mm512_set1_ps(0.07967103f));
  odd = _mm512_fmadd_ps(odd, z, _mm512_set1_ps(-0.6459624f));
  odd = _mm512_fmadd_ps(odd, z, _mm512_set1_ps(1.5707963f));
  odd = _mm512_mul_ps(odd, r);
  __m512 even = _mm512_fmadd_ps(_mm512_set1_ps(-0.02036691f), z, _mm512_set1_ps(0.253588f));
  even = _mm512_fmadd_ps(even, z, _mm512_set1_ps(-1.2336967f));
  even = _mm512_fmadd_ps(even, z, _mm512_set1_ps(1.0f));
  const __m512i one = _mm512_set1_epi32(1);
  const __mmask16 swap = _mm512_test_epi32_mask(quarter, one);
  const __m512i sign_bit = _mm512_set1_epi32(static_cast<int>(0x80000000u));
  const __m512i sine_sign = _mm512_and_si512(_mm512_slli_epi32(quarter, 30), sign_bit);
  const __m512i cosine_sign =
      _mm512_and_si512(_mm512_slli_epi32(_mm512_add_epi32(quarter, one), 30), sign_bit);
  return {_mm512_xor_ps(_mm512_mask_blend_ps(swap, odd, even), _mm512_castsi512_ps(sine_sign)),
          _mm512_xor_ps(_mm512_mask_blend_ps(swap, even, odd), _mm512_castsi512_ps(cosine_sign))};
}

inline __m512 turn(__m512 block, __m512 cos, __m512 sin) {
  return _mm512_fmadd_ps(block, cos, _mm512_mul_ps(_mm512_permute_ps(block, 0xB1), sin));
}

// Columns of kernel/sinusoid_recurrence.cc, interleaved: 16 rows of four vectors in two chains.
void add_turning(const float* x, const float* constants, std::size_t pairs, std::size_t padded,
                 std::int64_t first, std::size_t length, float* y) {
  const std::size_t d = 2 * pairs;
  const float* cos1 = constants + 2 * padded;
  for (std::size_t start = 0; start < length; start += kRecurrencePeriod) {
    const __m512 t = _mm512_set1_ps(static_cast<float>(first + static_cast<std::int64_t>(start)));
    const std::size_t rows = std::min(kRecurrencePeriod, length - start);
    for (std::size_t i = 0; i < pairs; i += 2 * kLanes) {
      __m512 even[4];
      __m512 odd[4];
      __m512 cos[4];
      __m512 sin[4];
      for (std::size_t n = 0; n < 2; ++n) {
        const float* at = constants + i + n * kLanes;
        const Pair seed = sin_cos(t, _mm512_loadu_ps(at), _mm512_loadu_ps(at + padded));
        even[2 * n] = _mm512_unpacklo_ps(seed.sin, seed.cos);
        even[2 * n + 1] = _mm512_unpackhi_ps(seed.sin, seed.cos);
      }
      for (std::size_t n = 0; n < 4; ++n) {
        const float* at = cos1 + 2 * i + n * kLanes;
        odd[n] = turn(even[n], _mm512_loadu_ps(at), _mm512_loadu_ps(at + 2 * padded));
        cos[n] = _mm512_loadu_ps(at + 4 * padded);
        sin[n] = _mm512_loadu_ps(at + 6 * padded);
      }
      const float* from = x + start * d + 2 * i;
      float* to = y + start * d + 2 * i;
      for (std::size_t row = 0; row < rows; row += 2, from += 2 * d, to += 2 * d) {
        for (std::size_t n = 0; n < 4; ++n) {
          const std::size_t at = n * kLanes;
          _mm512_storeu_ps(to + at, _mm512_add_ps(_mm512_loadu_ps(from + at), even[n]));
          even[n] = turn(even[n], cos[n], sin[n]);
        }
        for (std::size_t n = 0; n < 4; ++n) {
          const std::size_t at = d + n * kLanes;
          _mm512_storeu_ps(to + at, _mm512_add_ps(_mm512_loadu_ps(from + at), odd[n]));
          odd[n] = turn(odd[n], cos[n], sin[n]);
        }
      }
    }
  }
}

#pragma GCC pop_options

Arm make(Workbench& bench, const std::string& name) {
  if (effective_isa() != "avx512") throw UserError("written for AVX-512, which is not in use here");
  if (bench.shape().hidden % 64 != 0 || bench.shape().length % 2 != 0) {
    throw UserError(fmt::format("written for multiples of 64 columns and 2 rows, not {} and {}",
                                bench.shape().hidden, bench.shape().length));
  }
  const std::string twin = name.substr(0, name.find("_intrinsics"));
  Arm arm = make_arm(bench, twin);
  arm.name = name;
  const Sum<float> whole = sum_f32(bench, Variant(twin));
  const std::size_t d = bench.shape().hidden;
  if (twin == "learned_slice") {
    const Copies& rows = bench.copies("learned", {});
    arm.call = [=, &rows](std::size_t turn_number, Share at) {
      const Sum<float> sum = whole.positions(at.begin, at.size());
      for (std::size_t b = 0; b < sum.shape.batch; ++b) {
        add(sum.x + b * sum.stride, rows.at(turn_number) + at.begin * d, at.size() * d,
            sum.y + b * sum.stride);
      }
    };
    arm.check = sum_check(
        bench, arm, Variant(twin), [&rows, d](std::int64_t first, std::size_t n, float* out) {
          std::copy_n(rows.at(0) + static_cast<std::size_t>(first) * d, n * d, out);
        });
  } else {
    const Copies& constants = bench.copies(twin, {});
    const std::size_t padded = padded_pairs({Convention::kInterleaved, d});
    arm.call = [=, &constants](std::size_t turn_number, Share at) {
      const Sum<float> sum = whole.positions(at.begin, at.size());
      for (std::size_t b = 0; b < sum.shape.batch; ++b) {
        add_turning(sum.x + b * sum.stride, constants.at(turn_number), d / 2, padded,
                    static_cast<std::int64_t>(at.begin), at.size(), sum.y + b * sum.stride);
      }
    };
    arm.check = sum_check(bench, arm, Variant(twin), arm.rows);
  }
  return arm;
}

}  // namespace

ArmFamily intrinsics_arms() {
  return {{"learned_slice_intrinsics", "recurrence_intrinsics"}, make};
}

}  // namespace posbench
