// Words in pieces: byte-pair encoding (Sennrich 2016) and WordPiece (Devlin 2019). Both cut a word
// by BERT's basic tokenization first, in lower case, so `don't` is three and Chinese goes by
// character.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataset/word_tokenizer.h"

namespace posbench {

/// Ids in this order: special tokens, `</w>`, the characters that the training side has twice or
/// more, the merges. A word is its characters and `</w>`, merged as the training side taught; any
/// other character is [UNK]. Without the marks `</w>` the pieces of a word are the word.
class BpeTokenizer : public Tokenizer {
 public:
  /// Throws UserError where `size` has no room for the characters.
  BpeTokenizer(const Dataset& dataset, std::span<const std::uint32_t> training, std::size_t size);

  void append(std::string_view word, std::vector<std::int32_t>& tokens) const override;
  std::size_t size() const override { return table_.size(); }
  std::string entry(std::int32_t id) const override { return table_[id]; }
  SpecialTokens special() const override { return kSpecialTokens; }
  std::string digest() const override;

 private:
  struct Joined {
    std::size_t rank;  // 0 is merged first
    std::int32_t token;
  };
  void append_basic(std::string_view word, std::vector<std::int32_t>& tokens) const;

  EntryTable table_;
  std::unordered_map<std::uint64_t, Joined> merges_;                  // by the tokens of the pair
  std::unordered_map<std::string, std::vector<std::int32_t>> known_;  // words of the training side
};

/// The longest piece of the vocabulary that a word begins with, then the longest that goes on
/// (`##ing`), and so on; a word that cannot be cut so, or of more than 100 characters, is [UNK].
class WordPieceTokenizer : public Tokenizer {
 public:
  /// Learns the pieces by merges as byte-pair encoding does, of characters that begin or go on and
  /// that the training side has so twice or more.
  /// Throws UserError where `size` has no room for the characters.
  WordPieceTokenizer(const Dataset& dataset, std::span<const std::uint32_t> training,
                     std::size_t size);
  /// Reads BERT's vocab.txt, a piece a line. Words keep their case where some piece has a capital
  /// letter. Throws UserError (file:line) for a piece that comes twice, an empty one, and for a
  /// special token that is missing.
  explicit WordPieceTokenizer(const std::filesystem::path& vocabulary);

  void append(std::string_view word, std::vector<std::int32_t>& tokens) const override;
  std::size_t size() const override { return table_.size(); }
  std::string entry(std::int32_t id) const override { return table_[id]; }
  SpecialTokens special() const override { return special_; }
  std::string digest() const override { return table_.digest(); }

 private:
  void append_basic(std::string_view word, std::vector<std::int32_t>& tokens) const;

  EntryTable table_;
  SpecialTokens special_ = kSpecialTokens;
  bool lower_ = true;
};

}  // namespace posbench
