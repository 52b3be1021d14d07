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

struct LibraryCalls {
  const float* frequencies;
  HWY_INLINE SinCos operator()(V t, std::size_t i) const {
    const V angle = hn::Mul(t, Load(frequencies + i));
    return {Call(POSBENCH_MVEC(sinf), angle), Call(POSBENCH_MVEC(cosf), angle)};
  }
};

std::vector<float> LibraryConstants(Sinusoid sinusoid) {
  std::vector<float> frequencies = frequencies_as_floats(sinusoid);
  frequencies.resize(padded_pairs(sinusoid));
  return in_group_order(frequencies, sinusoid, hn::Lanes(D()));
}
void LibraryRows(Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
                 float* out) {
  RowsBy(PairByPair<LibraryCalls>{{constants}}, sinusoid, first, rows, out);
}
void LibraryAdd(Sinusoid sinusoid, const float* constants, std::int64_t first,
                const Sum<float>& sum, Store store) {
  AddBy(PairByPair<LibraryCalls>{{constants}}, sinusoid, first, sum, store);
}
void LibraryAddBf16(Sinusoid sinusoid, const float* constants, std::int64_t first,
                    const Sum<Bf16>& sum, Store store) {
  AddBy(PairByPair<LibraryCalls>{{constants}}, sinusoid, first, sum, store);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#undef POSBENCH_NATIVE
#undef POSBENCH_MVEC

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(LibraryConstants);
HWY_EXPORT(LibraryRows);
HWY_EXPORT(LibraryAdd);
HWY_EXPORT(LibraryAddBf16);

const SinusoidProducer kSinusoidVectorLibrary = {
    .name = "vector_library",
    .about = "glibc's libmvec, 4 to 16 sines at once, frequencies kept",
    .constants = [](Sinusoid sinusoid) { return HWY_DYNAMIC_DISPATCH(LibraryConstants)(sinusoid); },
    .rows =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(LibraryRows)
          (call...);
        },
    .add =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(LibraryAdd)
          (call...);
        },
    .add_bf16 =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(LibraryAddBf16)
          (call...);
        },
    .tolerance = single_angle_tolerance};

}  // namespace posbench
#endif  // HWY_ONCE
