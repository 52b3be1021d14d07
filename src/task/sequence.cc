#include "task/sequence.h"

#include <algorithm>

namespace posbench {

SequenceWriter::SequenceWriter(const TextContext& text, Random& noise, Batch& batch, int reserved)
    : text_(text), noise_(noise), batch_(batch), most_(std::max(0, text.max_length - reserved)) {}

std::int32_t SequenceWriter::rows() const {
  return static_cast<std::int32_t>(batch_.tokens.size()) - batch_.offsets.back();
}

void SequenceWriter::append(std::int32_t token) {
  batch_.positions.push_back(rows());
  batch_.tokens.push_back(token);
  if (segment_ >= 0 && text_.system.has_segments) batch_.segments.push_back(segment_);
}

std::int32_t SequenceWriter::token(std::int32_t token) {
  append(token);
  batch_.features.resize(
      batch_.tokens.size() * static_cast<std::size_t>(text_.tokenizer.features()), -1);
  return static_cast<std::int32_t>(batch_.tokens.size()) - 1;
}

std::int32_t SequenceWriter::word(std::string_view word) {
  pieces_.clear();
  const bool hidden = text_.token_dropout > 0 && noise_.uniform() < text_.token_dropout;
  if (hidden) {
    pieces_.push_back(text_.tokenizer.special().unknown);
  } else {
    text_.tokenizer.append(word, pieces_);
  }
  if (rows() + static_cast<std::int32_t>(pieces_.size()) > most_) return -1;
  const auto first = static_cast<std::int32_t>(batch_.tokens.size());
  for (const std::int32_t piece : pieces_) append(piece);
  // Features stand at the first token of a word; a hidden word keeps them, as a rare one does.
  text_.tokenizer.append_features(word, batch_.features);
  batch_.features.resize(
      batch_.tokens.size() * static_cast<std::size_t>(text_.tokenizer.features()), -1);
  return first;
}

void SequenceWriter::label(std::int32_t row, std::int32_t label) {
  batch_.rows.push_back(row);
  batch_.labels.push_back(label);
}

void SequenceWriter::finish() {
  batch_.offsets.push_back(static_cast<std::int32_t>(batch_.tokens.size()));
}

}  // namespace posbench
