// Tiers of this CPU, and kernels limited to one.
#include "kernel/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>

namespace posbench {
namespace {

TEST(Isa, TiersEndWithTheBestOfThisCpu) {
  EXPECT_EQ(available_isa(), effective_isa());
  const auto tiers = available_tiers();
  if (tiers.empty()) GTEST_SKIP() << "a CPU without SSE4";
  EXPECT_EQ(tiers.front(), "sse4");
  EXPECT_EQ(tiers.back(), available_isa());
  EXPECT_THAT(isa_tiers(), testing::ElementsAre("sse4", "avx2", "avx512"));
}

TEST(Isa, ALimitHoldsForKernelsAndDoesNotChangeTheCpu) {
  const std::string best = available_isa();
  auto tiers = available_tiers();
  while (!tiers.empty()) {
    limit_kernels(tiers.back());
    EXPECT_EQ(effective_isa(), tiers.back());
    EXPECT_EQ(available_isa(), best);
    tiers.pop_back();
  }
  hwy::DisableTargets(0);
  EXPECT_EQ(effective_isa(), best);
}

}  // namespace
}  // namespace posbench
