#include "kernel/dropout.h"

#include <algorithm>

#include "kernel/dropout_hash.h"
#include "kernel/vector_ops_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/dropout.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// dropout_hash of a vector of elements, to which key.before is added already.
template <class U>
HWY_INLINE U Hash(U h, std::uint32_t between) {
  const hn::RebindToUnsigned<D> du;
  const auto set = [&](std::uint32_t value) HWY_ATTR { return hn::Set(du, value); };
  h = hn::Mul(hn::Xor(h, hn::ShiftRight<17>(h)), set(0xED5A'D4BBu));
  h = hn::Add(hn::Xor(h, hn::ShiftRight<11>(h)), set(between));
  h = hn::Mul(h, set(0xAC4C'1B51u));
  h = hn::Mul(hn::Xor(h, hn::ShiftRight<15>(h)), set(0x3184'8BABu));
  return hn::Xor(h, hn::ShiftRight<14>(h));
}

// Elements first … first + n − 1 of one run of 2^32.
void DropoutRun(float* HWY_RESTRICT x, std::size_t n, float p, DropoutKey key,
                std::uint32_t first) {
  const D d;
  const hn::RebindToUnsigned<D> du;
  const auto threshold = hn::Set(du, dropout_threshold(static_cast<double>(p)));
  const auto lanes = hn::Iota(du, first + key.before);
  const V scale = hn::Set(d, 1.0f / (1.0f - p));
  for_each_vector(n, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const auto element = hn::Add(lanes, hn::Set(du, static_cast<std::uint32_t>(i)));
    const auto hash = Hash(element, key.between);
    const auto dropped = hn::RebindMask(d, hn::Lt(hash, threshold));
    store(hn::IfThenZeroElse(dropped, hn::Mul(load(x), scale)), x);
  });
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(DropoutRun);
void dropout(float* x, std::size_t n, float p, std::uint64_t stream, std::uint64_t first) {
  constexpr std::uint64_t kRun = std::uint64_t{1} << 32;
  while (n > 0) {
    const std::size_t count = std::min<std::uint64_t>(n, kRun - first % kRun);
    HWY_DYNAMIC_DISPATCH(DropoutRun)
    (x, count, p, dropout_key(stream, first / kRun), static_cast<std::uint32_t>(first % kRun));
    x += count;
    n -= count;
    first += count;
  }
}
void dropout(double* x, std::size_t n, double p, std::uint64_t stream, std::uint64_t first) {
  scalar::dropout(x, n, p, stream, first);
}

}  // namespace posbench
#endif  // HWY_ONCE
