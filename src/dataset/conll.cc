// CoNLL's columns: a word a line, columns parted by blanks, a blank line behind each sentence.
//
// Documents are what -DOCSTART- lines part (CoNLL-2003); without any, blocks of neighbouring
// sentences (CoNLL-2000), so that a split does not put one sentence of an article into training and
// the next into the test.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "dataset/chunk_schemes.h"
#include "dataset/reader.h"

namespace posbench {
namespace {

const std::vector<std::string> kSchemes = {"", "iob1", "iob2", "bmes", "bioes"};

class ConllReader {
 public:
  explicit ConllReader(const ReaderOptions& options)
      : encoding_(options.encoding()),
        word_(options.get<int>("word")),
        label_(options.get<int>("label")),
        scheme_(options.get<std::string>("scheme")),
        documents_("conll", options.get<int>("block")) {
    if (word_ < 1 || label_ == 0 || label_ < -1) {
      throw UserError("reader conll: columns count from 1; -1 is the last");
    }
    if (std::find(kSchemes.begin(), kSchemes.end(), scheme_) == kSchemes.end()) {
      throw UserError("reader conll: " + unknown_word("scheme", scheme_, kSchemes));
    }
  }

  void read(const std::filesystem::path& file) {
    TextFile text(file, encoding_);
    columns_ = 0;
    documents_.begin_file();
    for (std::string_view line; text.next(line);) {
      const auto cells = split_blanks(line);
      if (cells.empty()) {
        finish_sentence(text);
      } else if (cells.front() == "-DOCSTART-") {
        finish_sentence(text);
        documents_.mark(dataset_, place(text, text.line_number()));
      } else {
        add_word(text, line, cells);
      }
    }
    finish_sentence(text);
  }

  Dataset finish() {
    labels_.finish(dataset_);
    return std::move(dataset_);
  }

 private:
  static std::string place(const TextFile& text, std::size_t line) {
    return fmt::format("{}:{}", text.file().filename().string(), line);
  }

  void add_word(const TextFile& text, std::string_view line,
                const std::vector<std::string_view>& cells) {
    if (columns_ == 0) columns_ = cells.size();
    if (cells.size() != columns_) {
      text.fail(line,
                fmt::format("{} columns where the lines before have {}", cells.size(), columns_));
    }
    const auto needed = static_cast<std::size_t>(std::max(word_, label_));
    if (columns_ < needed) {
      text.fail(line, fmt::format("{} columns; the manifest asks for column {}", columns_, needed));
    }
    if (words_.empty()) first_line_ = text.line_number();
    words_.emplace_back(cells[static_cast<std::size_t>(word_ - 1)]);
    cells_.emplace_back(label_ < 0 ? cells.back() : cells[static_cast<std::size_t>(label_ - 1)]);
  }

  void finish_sentence(const TextFile& text) {
    if (words_.empty()) return;
    const std::uint32_t document = documents_.next(dataset_, place(text, first_line_));
    if (!scheme_.empty()) {
      try {
        cells_ = to_iob2(cells_, scheme_);
      } catch (const SchemeError& error) {
        throw UserError(
            fmt::format("{}:{}: {}", text.file().string(), first_line_ + error.word, error.what));
      }
    }
    Example sentence{.words = std::move(words_), .labels = {}, .document = document};
    for (const auto& label : cells_) sentence.labels.push_back(labels_.number(label));
    dataset_.examples.push_back(std::move(sentence));
    words_.clear();
    cells_.clear();
  }

  TextEncoding encoding_;
  int word_, label_;
  std::string scheme_;
  SentenceDocuments documents_;
  Dataset dataset_;
  LabelNumbers labels_;
  std::size_t columns_ = 0;
  std::vector<std::string> words_, cells_;  // of the sentence so far
  std::size_t first_line_ = 0;
};

Dataset read_conll(const std::vector<std::filesystem::path>& files, const ReaderOptions& options) {
  ConllReader reader(options);
  for (const auto& file : files) reader.read(file);
  return reader.finish();
}

const ReaderRegistration registration(
    {"conll",
     "a word a line with columns, a blank line behind a sentence",
     {{"word", 1, "column of the word, from 1"},
      {"label", -1, "column of the label, from 1; -1: the last"},
      {"scheme", "",
       "of chunks, read strictly and turned into iob2: iob1, iob2, bmes, bioes; "
       "empty: labels stand for themselves"},
      {"block", 40, "sentences of a document where -DOCSTART- marks none"}}},
    read_conll);

}  // namespace
}  // namespace posbench
