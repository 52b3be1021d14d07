#include "dataset/word_counts.h"

#include <algorithm>
#include <unordered_set>

#include "dataset/reader.h"

namespace posbench {

WordCounts word_counts(const Dataset& dataset, std::span<const std::uint32_t> examples) {
  WordCounts counts;
  std::unordered_set<const Passage*> counted;
  for (const std::uint32_t index : examples) {
    const Example& example = dataset.examples.at(index);
    for (const auto& word : example.words) ++counts[word];
    if (!example.passage || !counted.insert(example.passage.get()).second) continue;
    for (const auto& word : example.passage->words) ++counts[word];
  }
  return counts;
}

WordCounts lower_case_counts(const Dataset& dataset, std::span<const std::uint32_t> examples) {
  WordCounts counts;
  for (const auto& [word, count] : word_counts(dataset, examples)) {
    counts[lower_case(word)] += count;
  }
  return counts;
}

std::vector<std::pair<std::string, std::size_t>> ranked(const WordCounts& counts) {
  std::vector<std::pair<std::string, std::size_t>> list(counts.begin(), counts.end());
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return list;
}

}  // namespace posbench
