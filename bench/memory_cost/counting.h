// What this process has really taken: bytes asked of `new` and not given back, and resident pages.
#pragma once

#include <cstddef>

namespace posbench {

/// Bytes that live objects have asked of operator new, which bench/memory_cost/counting.cc replaces
/// for the whole binary.
std::size_t live_bytes();

/// Resident size of this process now, in bytes (whole pages).
std::size_t resident_bytes();

/// The largest resident size since `reset_peak_resident_bytes`, or since the start where the system
/// refuses that.
std::size_t peak_resident_bytes();
void reset_peak_resident_bytes();

}  // namespace posbench
