// CoNLL-U (universaldependencies.org/format.html): ten columns parted by tabs, a word a line, a
// blank line behind each sentence, comments with #. Lines of several words (`3-4`) and of empty
// nodes (`8.1`) are passed over: the words themselves have lines of their own.
//
// Documents begin at `# newdoc`; where a file marks none, blocks of neighbouring sentences.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/nearest.h"
#include "dataset/reader.h"

namespace posbench {
namespace {

const std::vector<std::string> kLabels = {"upos", "xpos", "deprel"};
constexpr std::size_t kLabelColumns[] = {3, 4, 7};
constexpr std::size_t kColumns = 10;

std::vector<std::string_view> split_tabs(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const std::size_t end = line.find('\t');
    cells.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return cells;
    line.remove_prefix(end + 1);
  }
}

class ConlluReader {
 public:
  explicit ConlluReader(const ReaderOptions& options)
      : encoding_(options.encoding()), documents_("conllu", options.get<int>("block")) {
    const auto label = options.get<std::string>("label");
    const auto found = std::find(kLabels.begin(), kLabels.end(), label);
    if (found == kLabels.end()) {
      throw UserError("reader conllu: " + unknown_word("label", label, kLabels));
    }
    column_ = kLabelColumns[found - kLabels.begin()];
  }

  void read(const std::filesystem::path& file) {
    TextFile text(file, encoding_);
    documents_.begin_file();
    for (std::string_view line; text.next(line);) {
      if (line.empty()) {
        finish_sentence(text);
      } else if (line.starts_with('#')) {
        if (!sentence_.words.empty()) text.fail(line, "a comment inside a sentence");
        if (line.starts_with("# newdoc")) {
          documents_.mark(dataset_,
                          fmt::format("{}:{}", file.filename().string(), text.line_number()));
        }
      } else {
        add_line(text, line);
      }
    }
    finish_sentence(text);
  }

  Dataset finish() {
    labels_.finish(dataset_);
    return std::move(dataset_);
  }

 private:
  void add_line(const TextFile& text, std::string_view line) {
    const auto cells = split_tabs(line);
    if (cells.size() != kColumns) {
      text.fail(line, fmt::format("{} columns parted by tabs; CoNLL-U has 10", cells.size()));
    }
    const std::string_view id = cells[0];
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    const std::string_view rest = id.substr(static_cast<std::size_t>(end - id.data()));
    const bool is_other = rest.size() > 1 && (rest[0] == '-' || rest[0] == '.') &&
                          rest.find_first_not_of("0123456789", 1) == std::string_view::npos;
    if (error != std::errc{} || (!rest.empty() && !is_other)) {
      text.fail(id, fmt::format("'{}' is no number of a word, such as 3, 3-4 or 8.1", id));
    }
    if (is_other) return;
    if (number != sentence_.words.size() + 1) {
      text.fail(id,
                fmt::format("word {} where word {} belongs", number, sentence_.words.size() + 1));
    }
    if (cells[1].empty()) text.fail(line, "a word without a form");
    if (cells[column_] == "_") text.fail(cells[column_], "a word without this label");
    sentence_.words.emplace_back(cells[1]);
    sentence_.labels.push_back(labels_.number(cells[column_]));
  }

  void finish_sentence(const TextFile& text) {
    if (sentence_.words.empty()) return;
    sentence_.document = documents_.next(
        dataset_,
        fmt::format("{} to line {}", text.file().filename().string(), text.line_number()));
    dataset_.examples.push_back(std::move(sentence_));
    sentence_ = {};
  }

  TextEncoding encoding_;
  SentenceDocuments documents_;
  std::size_t column_ = 0;
  Dataset dataset_;
  LabelNumbers labels_;
  Example sentence_;
};

Dataset read_conllu(const std::vector<std::filesystem::path>& files, const ReaderOptions& options) {
  ConlluReader reader(options);
  for (const auto& file : files) reader.read(file);
  return reader.finish();
}

const ReaderRegistration registration({"conllu",
                                       "CoNLL-U: a word a line in ten columns",
                                       {{"label", "upos", "upos, xpos or deprel"},
                                        {"block", 40,
                                         "sentences of a document where # newdoc marks none"}}},
                                      read_conllu);

}  // namespace
}  // namespace posbench
