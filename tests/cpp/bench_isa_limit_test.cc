// Instruction set limits: what is asked of glibc, and that its libraries obey.
#include "isa_limit.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "base/error.h"
#include "base/process.h"
#include "kernel/isa.h"
#include "variable.h"

namespace posbench {
namespace {

TEST(Tunables, MaskWhatIsAboveTheTier) {
  EXPECT_EQ(tunables_for("avx512", ""), "");
  EXPECT_EQ(tunables_for("avx2", ""),
            "glibc.cpu.hwcaps=-AVX512F,-AVX512CD,-AVX512BW,-AVX512DQ,-AVX512VL");
  const std::string sse4 = tunables_for("sse4", "");
  EXPECT_THAT(sse4, testing::StartsWith(tunables_for("avx2", "") + ",-AVX2,-AVX,"));
  EXPECT_THAT(sse4, testing::Not(testing::HasSubstr("SSE")));
}

TEST(Tunables, KeepWhatTheUserHasSet) {
  const std::string mask = tunables_for("avx2", "").substr(std::string("glibc.cpu.hwcaps=").size());
  EXPECT_EQ(tunables_for("avx2", "glibc.malloc.perturb=3"),
            "glibc.malloc.perturb=3:glibc.cpu.hwcaps=" + mask);
  EXPECT_EQ(tunables_for("avx2", "glibc.cpu.hwcaps=-ERMS:glibc.malloc.perturb=3"),
            "glibc.cpu.hwcaps=-ERMS," + mask + ":glibc.malloc.perturb=3");
  EXPECT_EQ(tunables_for("avx512", "glibc.malloc.perturb=3"), "glibc.malloc.perturb=3");
}

TEST(Tunables, SaidTwiceChangeNothing) {
  for (const std::string& tier : isa_tiers()) {
    for (const char* present : {"", "a=b", "glibc.cpu.hwcaps=-ERMS:a=b"}) {
      const std::string once = tunables_for(tier, present);
      EXPECT_EQ(tunables_for(tier, once), once);
    }
  }
}

TEST(Limit, RefusesWordsThatItDoesNotKnow) {
  EXPECT_THAT([] { limit_isa("axv2", nullptr); },
              testing::ThrowsMessage<UserError>(testing::StartsWith(
                  "unknown instruction set 'axv2'; did you mean 'avx2'? Known: native, sse4")));
  EXPECT_NO_THROW(limit_isa("native", nullptr));
}

// Where in its library the variant lies that the loader has chosen.
void print_choice(const char* library, const char* function) {
  void* handle = dlopen(library, RTLD_NOW);
  ASSERT_NE(handle, nullptr) << dlerror();
  void* chosen = dlsym(handle, function);
  Dl_info where{};
  ASSERT_NE(dladdr(chosen, &where), 0);
  fmt::print("choice {} {:#x}\n", function,
             static_cast<char*>(chosen) - static_cast<char*>(where.dli_fbase));
}

// Not a test but the process that the next one starts: the loader has chosen before it runs.
TEST(Glibc, DISABLED_TellsWhatItChose) {
  for (const char* function : {"sinf", "cosf", "expf"}) print_choice("libm.so.6", function);
  for (const char* function : {"memcpy", "memset"}) print_choice("libc.so.6", function);
}

std::map<std::string, std::string> choices(const std::string& tier) {
  const char* present = std::getenv("GLIBC_TUNABLES");
  const Variable tunables("GLIBC_TUNABLES", tunables_for(tier, present != nullptr ? present : ""));
  const ProcessOutput told =
      run_process({"/proc/self/exe", "--gtest_filter=Glibc.DISABLED_TellsWhatItChose",
                   "--gtest_also_run_disabled_tests"});
  EXPECT_EQ(told.exit_code, 0) << told.output << told.errors;
  std::map<std::string, std::string> chosen;
  std::istringstream words(told.output);
  std::string word, function;
  while (words >> word) {
    if (word == "choice" && words >> function) words >> chosen[function];
  }
  EXPECT_EQ(chosen.size(), 5u) << told.output;
  return chosen;
}

TEST(Glibc, MathematicsAndMemoryFunctionsFollow) {
  const std::vector<std::string> tiers = available_tiers();
  if (tiers.size() < 2) GTEST_SKIP() << "this CPU has no tier to leave out";
  const auto sse4 = choices("sse4"), avx2 = choices("avx2");
  for (const auto& [function, place] : sse4) EXPECT_NE(place, avx2.at(function)) << function;
  if (tiers.size() < 3) return;
  // glibc's scalar mathematics has no variant above AVX2 and FMA; its memory functions have.
  const auto avx512 = choices("avx512");
  for (const char* function : {"sinf", "cosf", "expf"}) {
    EXPECT_EQ(avx2.at(function), avx512.at(function)) << function;
  }
  for (const char* function : {"memcpy", "memset"}) {
    EXPECT_NE(avx2.at(function), avx512.at(function)) << function;
  }
}

}  // namespace
}  // namespace posbench
