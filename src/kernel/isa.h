// Which instruction set the kernels of this process run on.
#pragma once

#include <string>

namespace posbench {

/// "sse2", "ssse3", "sse4", "avx2" or "avx512": the tier of the target that Highway's run-time
/// dispatch chooses on this CPU. ("avx512" covers Highway's AVX3 targets, which differ in extras we
/// do not use.)
std::string effective_isa();

}  // namespace posbench
