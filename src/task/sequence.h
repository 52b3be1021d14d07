// Writes one sequence into a batch.
#pragma once

#include <string_view>

#include "task/task.h"

namespace posbench {

class SequenceWriter {
 public:
  /// `reserved` rows of the longest sequence are kept free for special tokens behind the words.
  SequenceWriter(const TextContext& text, Random& noise, Batch& batch, int reserved);

  /// Appends the tokens of a word and returns the row of its first, or -1 (nothing is appended)
  /// where they have no room.
  std::int32_t word(std::string_view word);
  /// Appends one token, a special one or not, without features, and returns its row.
  std::int32_t token(std::int32_t token);
  /// Asks about a row.
  void label(std::int32_t row, std::int32_t label);
  /// Tokens from now on belong to this text of a pair, in a system that tells them apart.
  void segment(std::int32_t segment) { segment_ = segment; }
  /// Ends the sequence.
  void finish();

  std::int32_t rows() const;

 private:
  void append(std::int32_t token);

  const TextContext& text_;
  Random& noise_;
  Batch& batch_;
  std::int32_t most_;
  std::int32_t segment_ = -1;  // none is told
  std::vector<std::int32_t> pieces_;
};

}  // namespace posbench
