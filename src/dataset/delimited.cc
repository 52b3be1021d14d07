// TSV and CSV, one text and its label a row, by the rules of RFC 4180: a cell in quotes may hold
// the delimiter, line ends and doubled quotes. Each row is a document of its own.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/nearest.h"
#include "dataset/basic_tokens.h"
#include "dataset/reader.h"

namespace posbench {
namespace {

class Rows {
 public:
  Rows(const std::filesystem::path& file, const ReaderOptions& options)
      : text_(file, options.encoding()),
        delimiter_(options.get<std::string>("delimiter")),
        quotes_(options.get<bool>("quotes")) {
    if (delimiter_.size() != 1 || delimiter_ == "\"" || delimiter_ == "\n") {
      throw UserError("reader delimited: the delimiter is one character, such as \"\\t\" or \",\"");
    }
  }

  // The cells of the next row; false behind the last. Empty lines between rows are passed over.
  bool next(std::vector<std::string>& cells) {
    std::string_view line;
    do {
      if (!text_.next(line)) return false;
    } while (line.empty());
    first_line_ = text_.line_number();
    cells.assign(1, "");
    bool quoted = false;  // inside a cell in quotes
    for (std::size_t i = 0;; ++i) {
      if (i == line.size()) {
        if (!quoted) return true;
        cells.back() += '\n';
        if (!text_.next(line)) fail("a quote that nothing closes");
        i = static_cast<std::size_t>(-1);
      } else if (quoted) {
        if (line[i] != '"') {
          cells.back() += line[i];
        } else if (i + 1 < line.size() && line[i + 1] == '"') {
          cells.back() += line[++i];
        } else {
          quoted = false;
          if (i + 1 < line.size() && line[i + 1] != delimiter_[0]) {
            text_.fail(line.substr(i),
                       "text behind the closing quote of a cell; quotes inside one "
                       "are doubled (or say quotes = false)");
          }
        }
      } else if (line[i] == delimiter_[0]) {
        cells.emplace_back();
      } else if (quotes_ && line[i] == '"' && cells.back().empty()) {
        quoted = true;
      } else {
        cells.back() += line[i];
      }
    }
  }

  std::size_t first_line() const { return first_line_; }
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(fmt::format("{}:{}: {}", text_.file().string(), first_line_, what));
  }

 private:
  TextFile text_;
  std::string delimiter_;
  bool quotes_;
  std::size_t first_line_ = 0;  // of the row
};

// A column by its name in the header, or by its number from 1.
std::size_t find_column(const Rows& rows, const std::string& wanted,
                        const std::vector<std::string>& header, std::size_t columns) {
  const auto named = std::find(header.begin(), header.end(), wanted);
  if (named != header.end()) return static_cast<std::size_t>(named - header.begin());
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  if (error == std::errc{} && end == wanted.data() + wanted.size() && number >= 1 &&
      number <= columns) {
    return number - 1;
  }
  rows.fail(header.empty() ? fmt::format("no column '{}'; there are 1 to {}", wanted, columns)
                           : unknown_word("column", wanted, header));
}

Dataset read_delimited(const std::vector<std::filesystem::path>& files,
                       const ReaderOptions& options) {
  Dataset dataset;
  LabelNumbers labels;
  for (const auto& file : files) {
    Rows rows(file, options);
    std::vector<std::string> header, cells;
    if (options.get<bool>("header")) rows.next(header);
    std::size_t columns = header.size(), text = 0, label = 0;
    bool first = true;
    while (rows.next(cells)) {
      if (columns == 0) columns = cells.size();
      if (first) {
        text = find_column(rows, options.get<std::string>("text"), header, columns);
        label = find_column(rows, options.get<std::string>("label"), header, columns);
        first = false;
      }
      if (cells.size() != columns) {
        rows.fail(fmt::format("{} cells in a row; the first has {}", cells.size(), columns));
      }
      Example example;
      example.words = basic_tokens(cells[text], /*lower=*/false).words;
      if (example.words.empty()) rows.fail("a row without text");
      if (cells[label].empty()) rows.fail("a row without a label");
      example.labels = {labels.number(cells[label])};
      example.document =
          add_document(dataset, fmt::format("{}:{}", file.filename().string(), rows.first_line()));
      dataset.examples.push_back(std::move(example));
    }
  }
  labels.finish(dataset);
  return dataset;
}

const ReaderRegistration registration(
    {"delimited",
     "TSV or CSV with a column of texts and one of labels",
     {{"delimiter", "\t", "between cells"},
      {"header", true, "the first row names the columns"},
      {"text", "text", "column of the text: its name, or its number from 1"},
      {"label", "label", "column of the label: its name, or its number from 1"},
      {"quotes", true, "cells may stand in quotes (RFC 4180)"}}},
    read_delimited);

}  // namespace
}  // namespace posbench
