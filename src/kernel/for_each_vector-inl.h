// A loop over n numbers, f32 or bf16, that ends anywhere, compiled once per instruction set
// (Highway's -inl.h idiom).
#include <algorithm>
#include <cstddef>

#if defined(POSBENCH_FOR_EACH_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_FOR_EACH_VECTOR_INL_H_
#undef POSBENCH_FOR_EACH_VECTOR_INL_H_
#else
#define POSBENCH_FOR_EACH_VECTOR_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/add-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// The first `count` of a vector's lanes, zeros in the others; nothing behind them is touched.
// Before AVX2 there is no masked load or store: Highway's stand-ins read and write whole vectors,
// past the end of the last row.
HWY_INLINE V LoadPart(const float* p, std::size_t count) {
  const D d;
#if HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN float part[hn::MaxLanes(d)] = {};
  std::copy_n(p, count, part);
  return hn::Load(d, part);
#endif
}

HWY_INLINE void StorePart(V v, float* p, std::size_t count) {
  const D d;
#if HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, count), d, p);
#else
  HWY_ALIGN float part[hn::MaxLanes(d)];
  hn::Store(v, d, part);
  std::copy_n(part, count, p);
#endif
}

// No instruction set below AVX-512 masks 16-bit numbers, and hidden sizes seldom end in a part.
HWY_INLINE V LoadPart(const Bf16* p, std::size_t count) {
  HWY_ALIGN Bf16 part[hn::MaxLanes(D())] = {};
  std::copy_n(p, count, part);
  return Load(part);
}

HWY_INLINE void StorePart(V v, Bf16* p, std::size_t count) {
  HWY_ALIGN Bf16 part[hn::MaxLanes(D())];
  Save<Store::kPlain>(v, part);
  std::copy_n(part, count, p);
}

// Runs body(i, load, store) over n numbers, a vector at a time; load(p) and store(v, p) mean
// those at p + i. The last, partial vector goes through the same body, so that no element is
// treated by other code than its neighbours.
template <class Body>
HWY_INLINE void for_each_vector(std::size_t n, Body body) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    body(
        i, [&](const auto* p) HWY_ATTR { return Load(p + i); },
        [&](V v, auto* p) HWY_ATTR { Save<Store::kPlain>(v, p + i); });
  }
  if (i < n) {
    body(
        i, [&](const auto* p) HWY_ATTR { return LoadPart(p + i, n - i); },
        [&](V v, auto* p) HWY_ATTR { StorePart(v, p + i, n - i); });
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
