// One cell of the cost grid: the values of a spec, checked.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kernel/lookup.h"

namespace posbench {

/// What the caches hold before a call.
enum class CacheState {
  kHot,      ///< what the call before left
  kInModel,  ///< what is left after an encoder layer of this shape touched its bytes
  kDramCold  ///< x and y as before, but nothing of the tables and constants that the call reads
};

struct Cell {
  BatchShape shape;
  CacheState state;
  std::vector<std::string> arms;
  int blocks;
  double slice_seconds;
  double max_seconds;  ///< 0 = no limit
  int threads;         ///< 0 = all cores
  std::uint64_t seed;  ///< the number of the process: order of arms, offsets of buffers
  std::string name;    ///< "d:128/L:512/B:1/state:hot"
};

/// Throws UserError for a value that makes no cell.
Cell cell_from_spec(const nlohmann::json& spec);

}  // namespace posbench
