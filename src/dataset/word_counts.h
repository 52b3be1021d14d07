// How often words stand in some examples of a data set: what tokenizers learn from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataset/dataset.h"

namespace posbench {

using WordCounts = std::unordered_map<std::string, std::size_t>;

/// Of the examples with these indices, their passages included; a passage that several share counts
/// once.
WordCounts word_counts(const Dataset& dataset, std::span<const std::uint32_t> examples);
WordCounts lower_case_counts(const Dataset& dataset, std::span<const std::uint32_t> examples);

/// The most frequent first; ties in the order of their bytes.
std::vector<std::pair<std::string, std::size_t>> ranked(const WordCounts& counts);

}  // namespace posbench
