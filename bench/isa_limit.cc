#include "isa_limit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dnnl.hpp>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "kernel/isa.h"

// A C header, whose bool Clang does not know in strict C++.
#ifdef __clang__
#define _Bool bool  // NOLINT(bugprone-reserved-identifier)
#endif
#include <sys/platform/x86.h>

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kTunable = "glibc.cpu.hwcaps=";

// Names as glibc has had them since 2.33. AVX_Fast_Unaligned_Load is no feature of the CPU but a
// preference that glibc derives from AVX2 before it reads the mask: memcpy would stay with AVX.
std::string mask_above(const std::string& tier) {
  const std::string avx512 = "-AVX512F,-AVX512CD,-AVX512BW,-AVX512DQ,-AVX512VL";
  if (tier == "avx512") return "";
  if (tier == "avx2") return avx512;
  return avx512 + ",-AVX2,-AVX,-FMA,-FMA4,-AVX_Fast_Unaligned_Load";
}

bool glibc_is_above(const std::string& tier) {
  const bool avx512 = CPU_FEATURE_ACTIVE(AVX512F) || CPU_FEATURE_ACTIVE(AVX512VL);
  const bool avx = CPU_FEATURE_ACTIVE(AVX) || CPU_FEATURE_ACTIVE(AVX2) || CPU_FEATURE_ACTIVE(FMA);
  if (tier == "avx512") return false;
  return tier == "avx2" ? avx512 : avx512 || avx;
}

void limit_glibc(const std::string& tier, char** argv) {
  if (!glibc_is_above(tier)) return;
  const char* variable = std::getenv("GLIBC_TUNABLES");
  const std::string present = variable != nullptr ? variable : "";
  const std::string tunables = tunables_for(tier, present);
  if (tunables == present) {
    throw std::runtime_error(fmt::format(
        "this C library does not follow GLIBC_TUNABLES={}, so it cannot be limited to {}", present,
        tier));
  }
  setenv("GLIBC_TUNABLES", tunables.c_str(), /*overwrite=*/1);
  // The file by its name, so that ps shows that name.
  execv(std::filesystem::read_symlink("/proc/self/exe").c_str(), argv);
  throw std::runtime_error(fmt::format("cannot start anew: {}", std::strerror(errno)));
}

// AMX is above the tier avx512: it would be another machine's matrix products.
void limit_onednn(const std::string& tier) {
  const dnnl::cpu_isa isa = tier == "avx512" ? dnnl::cpu_isa::avx512_core_bf16
                            : tier == "avx2" ? dnnl::cpu_isa::avx2
                                             : dnnl::cpu_isa::sse41;
  if (dnnl::set_max_cpu_isa(isa) != dnnl::status::success) {
    throw std::runtime_error("oneDNN has run before it was limited to " + tier);
  }
}

std::string onednn_isa() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse4";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2";
    case dnnl::cpu_isa::avx512_mic:
    case dnnl::cpu_isa::avx512_mic_4ops:
    case dnnl::cpu_isa::avx512_core:
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512";
    default:
      return "unknown";
  }
}

}  // namespace

void limit_isa(const std::string& asked, char** argv) {
  if (asked == "native") return;
  const auto& tiers = isa_tiers();
  if (std::ranges::find(tiers, asked) == tiers.end()) {
    std::vector<std::string> known = {"native"};
    known.insert(known.end(), tiers.begin(), tiers.end());
    throw UserError(unknown_word("instruction set", asked, known));
  }
  std::vector<std::string> choices = available_tiers();
  if (std::ranges::find(choices, asked) == choices.end()) {
    choices.insert(choices.begin(), "native");
    throw Unavailable(fmt::format("isa {} is more than this CPU has, which is {}; take isa {}",
                                  asked, available_isa(), boost::join(choices, " or ")));
  }
  limit_glibc(asked, argv);
  limit_kernels(asked);
  limit_onednn(asked);
}

json describe_isa(const std::string& asked) {
  return {{"asked", asked}, {"used", effective_isa()}, {"onednn", onednn_isa()}};
}

// NAME=VALUE pairs, separated by colons; a later hwcaps would replace an earlier one.
std::string tunables_for(const std::string& tier, const std::string& present) {
  const std::string mask = mask_above(tier);
  if (mask.empty()) return present;
  std::vector<std::string> pairs;
  if (!present.empty()) boost::split(pairs, present, boost::is_any_of(":"));
  const auto found = std::ranges::find_if(
      pairs, [](const std::string& pair) { return pair.starts_with(kTunable); });
  if (found == pairs.end()) {
    pairs.push_back(kTunable + mask);
  } else if (!found->ends_with(mask)) {
    *found += "," + mask;
  }
  return boost::join(pairs, ":");
}

}  // namespace posbench
