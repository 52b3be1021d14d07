// How often this process asks for memory.
#pragma once

#include <cstddef>

namespace posbench {

struct Allocations {
  std::size_t own = 0;  ///< of posbench's code, all of which is in the executable
  std::size_t libraries =
      0;  ///< of shared libraries: oneDNN makes a map of arguments for each call
};

/// Calls so far of operator new, malloc, calloc, realloc and the aligned forms, which
/// allocations.cc replaces for the whole process; who called is told by the return address. Pages
/// mapped directly are not counted. All 0 under AddressSanitizer, which has to replace them itself.
Allocations allocations();

}  // namespace posbench
