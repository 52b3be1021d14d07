// Dropout (Srivastava and others 2014) whose mask is a function, not a buffer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posbench {

/// x (n), in place: element i stays, divided by 1 − p, or becomes 0, with probability p (0 ≤ p <
/// 1), as a hash of (stream, first + i) says. So backward is the same call on the gradient, and a
/// tensor may be walked in pieces of any size. A NaN that is dropped is gone.
void dropout(float* x, std::size_t n, float p, std::uint64_t stream, std::uint64_t first);
void dropout(double* x, std::size_t n, double p, std::uint64_t stream, std::uint64_t first);

}  // namespace posbench
