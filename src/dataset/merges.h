// Byte-pair encoding's learning (Sennrich 2016, algorithm 1): the two symbols that stand next to
// each other most often become one, again and again.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace posbench {

struct CountedWord {
  std::vector<std::string> symbols;
  std::size_t count;
};

struct Merge {
  std::string left, right, joined;
};

/// At most `most` merges, in their order; pairs that stand together only once are left. Ties go by
/// the bytes of the pair, left first. `join` says what two symbols become. Counts are kept up to
/// date word by word, so thousands of merges over a corpus take seconds.
std::vector<Merge> learn_merges(
    const std::vector<CountedWord>& words, std::size_t most,
    const std::function<std::string(const std::string&, const std::string&)>& join);

}  // namespace posbench
