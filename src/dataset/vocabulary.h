// From words to the numbers of the token table, learned from the training side of a split only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataset/dataset.h"

namespace posbench {

/// Ids in this order: [PAD], [UNK], [CLS], [SEP]; the most frequent lower-cased words; endings such
/// as
/// `*ing` for the words that are not among them, because an unknown word's ending tells much of its
/// class; a word with a rare ending is [UNK]. Ties are broken by the bytes of the word.
class Vocabulary {
 public:
  static constexpr std::int32_t kPad = 0;
  static constexpr std::int32_t kUnknown = 1;
  static constexpr std::int32_t kClassify = 2;
  static constexpr std::int32_t kSeparate = 3;
  static constexpr std::int32_t kSpecials = 4;

  /// Counts the examples `training` (indices). `size` is the most entries it may have, everything
  /// counted; a sixteenth of them is kept for endings. Throws UserError for a size below 32.
  Vocabulary(const Dataset& dataset, std::span<const std::uint32_t> training, std::size_t size);

  /// The id of a word, of its ending, or kUnknown.
  std::int32_t id(std::string_view word) const;

  /// Entries that exist; fewer than asked for where the text has fewer words.
  std::size_t size() const { return entries_.size(); }
  const std::string& entry(std::int32_t id) const {
    return entries_.at(static_cast<std::size_t>(id));
  }

  /// SHA-256 over the entries in the order of their ids, one a line.
  std::string digest() const;

 private:
  void add(std::string entry);

  std::vector<std::string> entries_;
  std::unordered_map<std::string, std::int32_t> ids_;
};

}  // namespace posbench
