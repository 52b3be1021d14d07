// How chunks and entities are written as one label a word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace posbench {

/// A label that its scheme does not allow there.
struct SchemeError {
  std::size_t word;  ///< index of the label
  std::string what;
};

/// One sentence's labels in IOB2: B- begins every chunk, I- goes on, O is outside. Schemes: "iob1"
/// (B- only between two chunks of a type that touch), "iob2", "bmes" (middle M, end E, single S)
/// and "bioes" (inside I, end E, single S). Strict: throws SchemeError for a label or a sequence
/// that the scheme does not have.
std::vector<std::string> to_iob2(const std::vector<std::string>& labels, std::string_view scheme);

}  // namespace posbench
