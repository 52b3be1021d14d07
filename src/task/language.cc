#include "task/language.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {

constexpr double kTimesLonger[] = {1.25, 1.5, 2, 4, 8, 16, 32};

// Cuts running text into rows.
class RowMaker {
 public:
  RowMaker(const Tokenizer& tokenizer, int length, std::vector<Example>& rows)
      : tokenizer_(tokenizer), length_(static_cast<std::size_t>(length)), rows_(rows) {}

  void add(const Example& sentence) {
    for (const auto& word : sentence.words) add(word, sentence.document);
    add(kSentenceEnd, sentence.document);
  }
  // The row so far ends here.
  void cut() {
    if (!row_.words.empty()) rows_.push_back(std::move(row_));
    row_ = {};
    taken_ = 0;
  }

 private:
  void add(const std::string& word, std::uint32_t document) {
    pieces_.clear();
    append_row_tokens(tokenizer_, word, pieces_);
    if (taken_ + pieces_.size() > length_) cut();
    if (pieces_.size() > length_) return;  // no row holds this word
    if (row_.words.empty()) row_.document = document;
    row_.words.push_back(word);
    taken_ += pieces_.size();
  }

  const Tokenizer& tokenizer_;
  std::size_t length_;
  std::vector<Example>& rows_;
  Example row_;
  std::size_t taken_ = 0;
  std::vector<std::int32_t> pieces_;
};

}  // namespace

void append_row_tokens(const Tokenizer& tokenizer, const std::string& word,
                       std::vector<std::int32_t>& tokens) {
  if (word == kSentenceEnd) {
    tokens.push_back(tokenizer.special().separate);
  } else {
    tokenizer.append(word, tokens);
  }
}

Quotient sum_of_nats(std::span<const Unit> units) {
  Quotient nats{0, static_cast<double>(units.size())};
  for (const Unit& unit : units) nats.sum += static_cast<double>(unit.loss);
  return nats;
}

std::size_t text_bytes(const Example& row) {
  std::size_t bytes = 0;
  for (const auto& word : row.words) bytes += word == kSentenceEnd ? 0 : word.size() + 1;
  return bytes;
}

void cut_row(std::vector<std::int32_t>& tokens, const TextContext& text) {
  tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(text.max_length)));
}

void make_rows(Dataset& dataset, Split& split, const Tokenizer& tokenizer,
               const RowOptions& options) {
  const bool shuffles = options.stream == "shuffled";
  if (!shuffles && options.stream != "documents") {
    throw UserError(unknown_word("stream", options.stream, {"documents", "shuffled"}));
  }
  std::vector<Example> rows;
  const auto remake = [&](std::vector<std::uint32_t>& side, const char* name, int length) {
    const std::size_t first = rows.size();
    if (shuffles)
      Random(0, std::string("sentences of ") + name).shuffle(std::span<std::uint32_t>(side));
    RowMaker maker(tokenizer, length, rows);
    for (std::size_t i = 0; i < side.size(); ++i) {
      const Example& sentence = dataset.examples[side[i]];
      if (!shuffles && i > 0 && sentence.document != dataset.examples[side[i - 1]].document) {
        maker.cut();
      }
      maker.add(sentence);
    }
    maker.cut();
    side.clear();
    for (std::size_t r = first; r < rows.size(); ++r) side.push_back(static_cast<std::uint32_t>(r));
  };
  const std::vector<std::uint32_t> test = split.test;
  remake(split.train, "train", options.length);
  remake(split.dev, "dev", options.length);
  remake(split.test, "test", options.length);
  for (NamedExamples& longer : split.longer) remake(longer.examples, "longer", options.length);
  for (const double times : kTimesLonger) {
    const auto length = static_cast<int>(times * options.length);
    if (length > options.longest) break;
    split.longer.push_back({fmt::format("test {:g}x", times), test});
    remake(split.longer.back().examples, "test", length);
  }
  dataset.examples = std::move(rows);
}

}  // namespace posbench
