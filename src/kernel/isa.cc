#include "kernel/isa.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>

namespace posbench {
namespace {

// A lower bit is a better target.
std::string tier_of(int64_t targets) {
  if (targets & (HWY_AVX3_DL | HWY_AVX3)) return "avx512";
  if (targets & HWY_AVX2) return "avx2";
  if (targets & HWY_SSE4) return "sse4";
  if (targets & HWY_SSSE3) return "ssse3";
  return "sse2";
}

}  // namespace

std::string effective_isa() { return tier_of(hwy::SupportedTargets()); }

std::string available_isa() {
  // Highway forgets what it has been told to leave out: the first answer is the CPU's.
  static const std::string best = effective_isa();
  return best;
}

const std::vector<std::string>& isa_tiers() {
  static const std::vector<std::string> tiers = {"sse4", "avx2", "avx512"};
  return tiers;
}

std::vector<std::string> available_tiers() {
  const auto& tiers = isa_tiers();
  const auto best = std::find(tiers.begin(), tiers.end(), available_isa());
  return best == tiers.end() ? std::vector<std::string>{}
                             : std::vector<std::string>(tiers.begin(), best + 1);
}

void limit_kernels(const std::string& tier) {
  available_isa();  // remembered while it can still be asked
  if (tier == "avx2") hwy::DisableTargets(HWY_AVX2 - 1);
  if (tier == "sse4") hwy::DisableTargets(HWY_SSE4 - 1);
}

}  // namespace posbench
