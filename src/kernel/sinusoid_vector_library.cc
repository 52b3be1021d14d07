// The producer by a ready-made vector library: glibc's libmvec, 4, 8 or 16 sines at once.
//
// Precision: libmvec promises 4 units in the last place (2.4e-7); the angle is one f32 product, so
// the error grows with t (single_angle_tolerance). Bytes read: 4 for each pair of columns.
#include <immintrin.h>

#include <cstring>

#include "kernel/sinusoid_producers.h"

// The x86-64 vector function ABI's names; b = SSE, d = AVX2, e = AVX-512.
extern "C" {
__m128 _ZGVbN4v_sinf(__m128);
__m128 _ZGVbN4v_cosf(__m128);
__m256 _ZGVdN8v_sinf(__m256);
__m256 _ZGVdN8v_cosf(__m256);
__m512 _ZGVeN16v_sinf(__m512);
__m512 _ZGVeN16v_cosf(__m512);
}

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/sinusoid_vector_library.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/sinusoid_rows-inl.h"

#if HWY_TARGET <= HWY_AVX3
#define POSBENCH_NATIVE __m512
#define POSBENCH_MVEC(function) _ZGVeN16v_##function
#elif HWY_TARGET == HWY_AVX2
#define POSBENCH_NATIVE __m256
#define POSBENCH_MVEC(function) _ZGVdN8v_##function
#else
#define POSBENCH_NATIVE __m128
#define POSBENCH_MVEC(function) _ZGVbN4v_##function
#endif

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// Highway's vector is the ABI's vector except on the scalar target, which uses one lane of it; the
// copies through memory are moves between registers once compiled.
template <class Function>
HWY_INLINE V Call(Function function, V angle) {
  const D d;
  HWY_ALIGN float lanes[hn::MaxLanes(d)];
  hn::Store(angle, d, lanes);
  POSBENCH_NATIVE native{};
  std::memcpy(&native, lanes, sizeof(lanes));
  native = function(native);
  std::memcpy(lanes, &native, sizeof(lanes));
  return hn::Load(d, lanes);
}

template <Convention kConvention>
void Rows(std::size_t pairs, const float* frequencies, std::int64_t first, std::size_t rows,
          float* out) {
  const D d;
  for (std::size_t row = 0; row < rows; ++row) {
    const V t = hn::Set(d, static_cast<float>(first + static_cast<std::int64_t>(row)));
    for (std::size_t i = 0; i < pairs; i += hn::Lanes(d)) {
      const V angle = hn::Mul(t, hn::LoadU(d, frequencies + i));
      StorePairs<kConvention>({Call(POSBENCH_MVEC(sinf), angle), Call(POSBENCH_MVEC(cosf), angle)},
                              i, pairs, out + row * 2 * pairs);
    }
  }
}

void VectorLibraryRows(Sinusoid sinusoid, const float* frequencies, std::int64_t first,
                       std::size_t rows, float* out) {
  const auto fill = sinusoid.convention == Convention::kInterleaved
                        ? Rows<Convention::kInterleaved>
                        : Rows<Convention::kTensor2tensor>;
  fill(sinusoid.pairs(), frequencies, first, rows, out);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#undef POSBENCH_NATIVE
#undef POSBENCH_MVEC

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(VectorLibraryRows);

const SinusoidProducer kSinusoidVectorLibrary = {
    "vector_library", "glibc's libmvec, 4 to 16 sines at once, frequencies kept",
    [](Sinusoid sinusoid) {
      std::vector<float> frequencies = frequencies_as_floats(sinusoid);
      frequencies.resize(padded_pairs(sinusoid));
      return frequencies;
    },
    [](Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
       float* out) {
      HWY_DYNAMIC_DISPATCH(VectorLibraryRows)(sinusoid, constants, first, rows, out);
    },
    single_angle_tolerance};

}  // namespace posbench
#endif  // HWY_ONCE
