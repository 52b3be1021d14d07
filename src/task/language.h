// What language models share: rows of running text.
#pragma once

#include "task/task.h"

namespace posbench {

/// Stands for the end of a sentence among the words of a row; a reader never yields it.
inline const std::string kSentenceEnd = "";

/// Replaces the examples by rows of at most `length` tokens: the sentences of a document one after
/// the other, each with its end. A row never holds two documents (stream "documents"), or the
/// sentences of a side come in a random order and run on (stream "shuffled"), which leaves nothing
/// to be learned across sentences. The text of the test side comes again as "test 1.25x", "1.5x",
/// "2x" and so on by doubling to "32x", in rows so many times as long, as far as `longest` lets
/// them. Throws UserError for another stream.
void make_rows(Dataset& dataset, Split& split, const Tokenizer& tokenizer,
               const RowOptions& options);

/// Leaves the first text.max_length tokens of a row.
void cut_row(std::vector<std::int32_t>& tokens, const TextContext& text);

/// Appends the tokens of a word of a row.
void append_row_tokens(const Tokenizer& tokenizer, const std::string& word,
                       std::vector<std::int32_t>& tokens);

/// The nats of all units, and how many there are.
Quotient sum_of_nats(std::span<const Unit> units);

/// Bytes of a row's text: words and one byte between or behind each.
std::size_t text_bytes(const Example& row);

}  // namespace posbench
