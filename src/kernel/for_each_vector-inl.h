// A loop over n floats that ends anywhere, compiled once per instruction set (Highway's -inl.h
// idiom).
#include <algorithm>
#include <cstddef>

#if defined(POSBENCH_FOR_EACH_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_FOR_EACH_VECTOR_INL_H_
#undef POSBENCH_FOR_EACH_VECTOR_INL_H_
#else
#define POSBENCH_FOR_EACH_VECTOR_INL_H_
#endif

#include <hwy/highway.h>

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

// Runs body(i, load, store) over n floats, a vector at a time; the last, partial vector goes
// through the same body, so that no element is treated by other code than its neighbours.
template <class Body>
HWY_INLINE void for_each_vector(std::size_t n, Body body) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    body(
        i, [&](const float* p) HWY_ATTR { return hn::LoadU(d, p + i); },
        [&](V v, float* p) HWY_ATTR { hn::StoreU(v, d, p + i); });
  }
  if (i < n) {
    body(
        i, [&](const float* p) HWY_ATTR { return LoadPart(p + i, n - i); },
        [&](V v, float* p) HWY_ATTR { StorePart(v, p + i, n - i); });
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
