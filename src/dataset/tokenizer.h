// From words to the numbers of the token table. A tokenizer learns from the training side of a
// split only, or is read from a file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/dataset.h"

namespace posbench {

/// Ids of the tokens that stand for no text.
struct SpecialTokens {
  std::int32_t pad, unknown, classify, separate, mask;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Appends the tokens of a word, at least one.
  virtual void append(std::string_view word, std::vector<std::int32_t>& tokens) const = 0;

  /// Features of each token: further rows of the token table that are added to its own.
  virtual int features() const { return 0; }
  /// Appends the features of the word that begins with a token, -1 for one that it has not.
  virtual void append_features(std::string_view, std::vector<std::int32_t>&) const {}

  /// Rows of the token table: tokens and features.
  virtual std::size_t size() const = 0;
  /// Rows that a token can be: language models guess among the first so many.
  virtual std::size_t tokens() const { return size(); }
  virtual std::string entry(std::int32_t id) const = 0;
  virtual SpecialTokens special() const = 0;

  /// SHA-256 of everything that decides what a word becomes.
  virtual std::string digest() const = 0;
};

struct TokenizerOptions {
  std::string kind = "words";  ///< "words", "word_features", "bpe" or "wordpiece"
  std::size_t size = 8000;     ///< most rows of the table
  std::string file = "";       ///< wordpiece: a BERT vocab.txt
};

/// Learns from the examples `training` (indices), their passages included. Throws UserError for an
/// unknown kind, a size too small, and a file that is not a vocabulary.
std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerOptions& options, const Dataset& dataset,
                                          std::span<const std::uint32_t> training);

}  // namespace posbench
