// Whole words as tokens, with or without features of the words.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataset/tokenizer.h"

namespace posbench {

/// A table of entries, numbered from 0: what every tokenizer that learns ends up with.
class EntryTable {
 public:
  void add(std::string entry);
  /// -1 where there is none.
  std::int32_t find(std::string_view entry) const;
  std::size_t size() const { return entries_.size(); }
  const std::string& operator[](std::int32_t id) const {
    return entries_.at(static_cast<std::size_t>(id));
  }
  /// SHA-256 over the entries in the order of their ids, one a line.
  std::string digest() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::vector<std::string> entries_;
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
};

/// [PAD], [UNK], [CLS], [SEP], [MASK]: how the tables here begin.
constexpr SpecialTokens kSpecialTokens{0, 1, 2, 3, 4};
void add_special_tokens(EntryTable& table);

/// Ids in this order: the special tokens; the most frequent lower-cased words; endings such as
/// `*ing` for the words that are not among them, because an unknown word's ending tells much of its
/// class; a word with a rare ending is [UNK]. Ties are broken by the bytes of the word. A sixteenth
/// of the table is kept for endings.
class WordTokenizer : public Tokenizer {
 public:
  /// Throws UserError for a size below 32.
  WordTokenizer(const Dataset& dataset, std::span<const std::uint32_t> training, std::size_t size);

  /// The id of a word, of its ending, or that of [UNK].
  std::int32_t id(std::string_view word) const;

  void append(std::string_view word, std::vector<std::int32_t>& tokens) const override {
    tokens.push_back(id(word));
  }
  std::size_t size() const override { return table_.size(); }
  std::string entry(std::int32_t id) const override { return table_[id]; }
  SpecialTokens special() const override { return kSpecialTokens; }
  std::string digest() const override { return table_.digest(); }

 private:
  EntryTable table_;
};

/// The most frequent lower-cased words, [UNK] for the others; and three features of every word, as
/// taggers have them (Collobert 2011, §3.2.2 and §3.5): its last three letters `*ing`, its first
/// three `pre*`, and its shape `^Xx` (a capital is X, a small letter x, a digit 0; runs are cut to
/// two, shapes to six). Three quarters of the table at most are words.
class FeatureTokenizer : public Tokenizer {
 public:
  /// Throws UserError for a size below 32.
  FeatureTokenizer(const Dataset& dataset, std::span<const std::uint32_t> training,
                   std::size_t size);

  void append(std::string_view word, std::vector<std::int32_t>& tokens) const override;
  int features() const override { return 3; }
  void append_features(std::string_view word, std::vector<std::int32_t>& features) const override;
  std::size_t size() const override { return table_.size(); }
  std::size_t tokens() const override { return tokens_; }
  std::string entry(std::int32_t id) const override { return table_[id]; }
  SpecialTokens special() const override { return kSpecialTokens; }
  std::string digest() const override;

 private:
  EntryTable table_;
  std::size_t tokens_ = 0;
};

}  // namespace posbench
