// What language models share: rows of running text.
#pragma once

#include "task/task.h"

namespace posbench {

/// Stands for the end of a sentence among the words of a row; a reader never yields it.
inline const std::string kSentenceEnd = "";

/// Replaces the examples by rows of at most `length` tokens: the sentences of a document one after
/// the other, each with its end. A row never holds two documents (stream "documents"), or the
/// sentences of a side come in a random order and run on (stream "shuffled"), which leaves nothing
/// to be learned across sentences. Throws UserError for another stream.
void make_rows(Dataset& dataset, Split& split, const Tokenizer& tokenizer, int length,
               const std::string& stream);

/// Appends the tokens of a word of a row.
void append_row_tokens(const Tokenizer& tokenizer, const std::string& word,
                       std::vector<std::int32_t>& tokens);

/// Bytes of a row's text: words and one byte between or behind each.
std::size_t text_bytes(const Example& row);

}  // namespace posbench
