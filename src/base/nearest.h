// Turns a mistyped word into a helpful error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace posbench {

/// The candidate with the smallest edit distance to `word` (insert, delete, replace, swap
/// neighbours); the first of equals. Empty where there is no candidate.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "unknown encoding 'lerned'; did you mean 'learned'? Known: learned, none, …"
std::string unknown_word(std::string_view kind, std::string_view word,
                         const std::vector<std::string>& candidates);

}  // namespace posbench
