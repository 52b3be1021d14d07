// Loads, stores and additions for f32 and bf16, compiled once per instruction set (Highway's -inl.h
// idiom). All arithmetic is in f32; a bf16 is widened when read and rounded once when written.
#include "kernel/sum.h"

#ifndef POSBENCH_ADD_ONCE
#define POSBENCH_ADD_ONCE
namespace posbench {

// Zen 4 and newer Xeons round to bf16 in one instruction, and multiply pairs of bf16.
inline const bool kCpuRoundsToBf16 = __builtin_cpu_supports("avx512bf16") != 0;

}  // namespace posbench
#endif

#if defined(POSBENCH_ADD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_ADD_INL_H_
#undef POSBENCH_ADD_INL_H_
#else
#define POSBENCH_ADD_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

HWY_INLINE V Load(const float* from) { return hn::LoadU(D(), from); }
HWY_INLINE V Load(const Bf16* from) {
  return hn::PromoteTo(D(), hn::LoadU(hn::Rebind<Bf16, D>(), from));
}

template <Store kStore>
HWY_INLINE void Save(V value, float* to) {
  if constexpr (kStore == Store::kNonTemporal) {
    hn::Stream(value, D(), to);
  } else {
    hn::StoreU(value, D(), to);
  }
}

template <Store kStore, class Bits>
HWY_INLINE void SaveBits(Bits bits, Bf16* to) {
  const hn::Rebind<std::uint16_t, D> narrow;
  std::uint16_t* p = reinterpret_cast<std::uint16_t*>(to);
  if constexpr (kStore == Store::kNonTemporal) {
    hn::Stream(bits, narrow, p);
  } else {
    hn::StoreU(bits, narrow, p);
  }
}

#if HWY_TARGET == HWY_AVX3
// Only where kCpuRoundsToBf16. Takes numbers below 2^-126 for 0.
HWY_INLINE hn::Vec<hn::Rebind<std::uint16_t, D>> RoundInOne(V value) {
  hn::Vec<hn::Rebind<std::uint16_t, D>> result;
  asm("vcvtneps2bf16 %1, %0" : "=v"(result.raw) : "v"(value.raw));
  return result;
}
#endif

// Highway 1.0.3 narrows to bf16 by cutting off; we round as to_bf16 does. Ten instructions, or one
// where the CPU has it, which Highway does not know: a third less time for a GELU in bf16.
template <Store kStore>
HWY_INLINE void Save(V value, Bf16* to) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const hn::Rebind<std::uint16_t, D> narrow;
#if HWY_TARGET == HWY_AVX3
  if (kCpuRoundsToBf16) return SaveBits<kStore>(RoundInOne(value), to);
#endif
  const auto bits = hn::BitCast(du, value);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
  const auto rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7FFFu)), odd);
  const auto quiet = hn::Or(bits, hn::Set(du, 0x0040'0000u));
  const auto is_nan = hn::RebindMask(du, hn::IsNaN(value));
  const auto upper = hn::ShiftRight<16>(hn::IfThenElse(is_nan, quiet, rounded));
  const auto result = hn::DemoteTo(narrow, hn::BitCast(di, upper));
  SaveBits<kStore>(result, to);
}

HWY_INLINE void SaveOne(float value, float* to) { *to = value; }
HWY_INLINE void SaveOne(float value, Bf16* to) { *to = to_bf16(value); }

// y = x + p (n). Four vectors a turn hide the loop's own instructions; the last few elements go one
// by one, because a masked load may touch memory behind the end on instruction sets without masks.
template <Store kStore, class T, class P>
HWY_INLINE void AddRun(const T* x, const P* p, std::size_t n, T* y) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const V sum0 = hn::Add(Load(x + i), Load(p + i));
    const V sum1 = hn::Add(Load(x + i + lanes), Load(p + i + lanes));
    const V sum2 = hn::Add(Load(x + i + 2 * lanes), Load(p + i + 2 * lanes));
    const V sum3 = hn::Add(Load(x + i + 3 * lanes), Load(p + i + 3 * lanes));
    Save<kStore>(sum0, y + i);
    Save<kStore>(sum1, y + i + lanes);
    Save<kStore>(sum2, y + i + 2 * lanes);
    Save<kStore>(sum3, y + i + 3 * lanes);
  }
  for (; i + lanes <= n; i += lanes) Save<kStore>(hn::Add(Load(x + i), Load(p + i)), y + i);
  for (; i < n; ++i) SaveOne(to_float(x[i]) + to_float(p[i]), y + i);
}

// y = x + rows (L, d), in tiles of `tile` values: the first batch element brings a tile of the rows
// in, the others find it in a cache.
template <Store kStore, class T, class P>
HWY_INLINE void AddTiles(const Sum<T>& sum, const P* rows, std::size_t tile) {
  const std::size_t n = sum.shape.length * sum.shape.hidden;
  for (std::size_t start = 0; start < n; start += tile) {
    const std::size_t count = HWY_MIN(tile, n - start);
    for (std::size_t b = 0; b < sum.shape.batch; ++b) {
      const std::size_t at = b * sum.stride + start;
      AddRun<kStore>(sum.x + at, rows + start, count, sum.y + at);
    }
  }
}

// Whether to store past the caches: asked for, and possible because rows are whole cache lines that
// begin at one. The caller flushes afterwards (hwy::FlushStream), or another thread might see later
// stores first.
template <class T>
HWY_INLINE bool Streams(const Sum<T>& sum, Store store) {
  constexpr std::size_t kLine = 64;
  return store == Store::kNonTemporal && reinterpret_cast<std::uintptr_t>(sum.y) % kLine == 0 &&
         sum.shape.hidden * sizeof(T) % kLine == 0 && sum.stride * sizeof(T) % kLine == 0;
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
