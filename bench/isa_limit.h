// Limits a whole process to an instruction set: our kernels, oneDNN, and the C library, whose
// mathematics and memory functions choose their variant before main. A process so limited shows
// what this CPU does without its wider vectors; it is not an older CPU.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace posbench {

/// Limits this process to `asked`: "native" (no limit), "sse4", "avx2" or "avx512". Where the C
/// library has chosen better variants already, the process starts itself anew with `argv` and
/// GLIBC_TUNABLES, and the call does not return. To be called before any kernel or oneDNN is.
/// Throws UserError for an unknown word, Unavailable for more than this CPU has.
void limit_isa(const std::string& asked, char** argv);

/// {"asked", "used" by our kernels, "onednn"}, for a record. oneDNN is asked here: its choice is
/// final from now on.
nlohmann::json describe_isa(const std::string& asked);

/// GLIBC_TUNABLES for `tier`: `present` (what the user has set, may be empty) with the C library's
/// features above the tier masked. Saying it twice changes nothing.
std::string tunables_for(const std::string& tier, const std::string& present);

}  // namespace posbench
