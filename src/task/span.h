// Answers that are spans of a passage: from logits to words to scores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "dataset/dataset.h"

namespace posbench {

/// Words of a passage, both included; -1 for no answer.
struct SpanGuess {
  std::int32_t first, last;
};

/// The best sum of a start and an end logit. logits (candidates, 2): of [CLS], then of the first
/// tokens of the passage's words. Answers of more than 30 words are not looked for. Without a word
/// in the passage, or where no logit is a number, there is no answer.
SpanGuess best_span(const float* logits, std::size_t candidates, bool may_be_none);

/// The passage from the first word to the last as it stands there; empty for no answer.
std::string span_text(const Passage& passage, std::int32_t first, std::int32_t last);

struct SpanScore {
  bool exact;
  double f1;
};

/// The best over all answers of an example, by SQuAD's rules.
SpanScore score_span(const Example& example, std::int32_t first, std::int32_t last);

}  // namespace posbench
