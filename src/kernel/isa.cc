#include "kernel/isa.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

namespace posbench {

std::string effective_isa() {
  // A lower bit is a better target.
  const int64_t supported = hwy::SupportedTargets();
  if (supported & (HWY_AVX3_DL | HWY_AVX3)) return "avx512";
  if (supported & HWY_AVX2) return "avx2";
  if (supported & HWY_SSE4) return "sse4";
  if (supported & HWY_SSSE3) return "ssse3";
  return "sse2";
}

}  // namespace posbench
