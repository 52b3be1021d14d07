// Which instruction set the kernels of this process run on.
#pragma once

#include <string>
#include <vector>

namespace posbench {

/// "sse2", "ssse3", "sse4", "avx2" or "avx512": the tier of the target that Highway's run-time
/// dispatch chooses in this process. ("avx512" covers Highway's AVX3 targets, which differ in
/// extras we do not use.)
std::string effective_isa();

/// The best tier of this CPU, whatever the process is limited to.
std::string available_isa();

/// The tiers that a process can be limited to, lowest first: sse4, avx2, avx512.
const std::vector<std::string>& isa_tiers();

/// Those of them that this CPU has.
std::vector<std::string> available_tiers();

/// Limits Highway's dispatch to targets up to `tier` (one of isa_tiers()), from the next call of a
/// kernel on.
void limit_kernels(const std::string& tier);

}  // namespace posbench
