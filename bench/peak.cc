#include "peak.h"

#include <algorithm>
#include <cstddef>

#include "blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "peak.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Two multiply-adds a cycle of five cycles each (Haswell; later cores take four) need ten chains;
// twelve leave room in the 16 registers of AVX2.
constexpr std::size_t kChains = 12;

// Multiply-adds that each chain runs, from x = start: x = x·factor + term, which stays between
// them. Adds the chains to *end, or the compiler would see that nobody wants them.
double RunChains(std::size_t rounds, float factor, float term, float* end) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const V by = hn::Set(d, factor), plus = hn::Set(d, term);
  V chains[kChains];
  for (std::size_t c = 0; c < kChains; ++c) chains[c] = hn::Set(d, static_cast<float>(c));
  for (std::size_t i = 0; i < rounds; ++i) {
    for (std::size_t c = 0; c < kChains; ++c) chains[c] = hn::MulAdd(chains[c], by, plus);
  }
  V sum = chains[0];
  for (std::size_t c = 1; c < kChains; ++c) sum = hn::Add(sum, chains[c]);
  *end += hn::GetLane(sum);
  return 2.0 * static_cast<double>(rounds * kChains * hn::Lanes(d));
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(RunChains);

double measured_peak_gflops() {
  constexpr int kSlices = 40;
  constexpr std::size_t kRounds = 1 << 16;  // a quarter of a millisecond
  // Values of run time, so that nothing is computed when compiling.
  volatile float factor = 0.5F, term = 0.5F, end = 0.0F;
  double best = 0;
  for (int i = 0; i < kSlices; ++i) {
    float sum = 0;
    const double start = seconds_now();
    const double operations = HWY_DYNAMIC_DISPATCH(RunChains)(kRounds, factor, term, &sum);
    best = std::max(best, 1e-9 * operations / (seconds_now() - start));
    end = end + sum;
  }
  return best;
}

}  // namespace posbench
#endif
