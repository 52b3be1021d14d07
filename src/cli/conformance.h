// The table of conformance as a file of a run.
#pragma once

#include <string>

namespace posbench {

/// JSON of schema posbench.conformance/1: the same bytes at every call.
std::string conformance_json();

}  // namespace posbench
