// BERT's basic tokenization (Devlin 2019; google-research/bert, tokenization.py): text to words.
#pragma once

#include <string_view>

#include "dataset/dataset.h"

namespace posbench {

/// Words of a valid UTF-8 text, each with the bytes of the text that it was made of. Blanks part
/// words; every punctuation mark and every Chinese character is a word of its own; control
/// characters vanish. `lower`: words are in lower case and without accents (NFD, marks dropped), so
/// they may have other bytes than the text.
Passage basic_tokens(std::string_view text, bool lower);

}  // namespace posbench
