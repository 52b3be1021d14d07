// `label text`, an example a line: SST-2, TREC's questions. Each line is a document of its own.
#include <fmt/format.h>

#include "dataset/basic_tokens.h"
#include "dataset/reader.h"

namespace posbench {
namespace {

Dataset read_label_text(const std::vector<std::filesystem::path>& files,
                        const ReaderOptions& options) {
  const bool tokenizes = options.get<bool>("tokenize");
  Dataset dataset;
  LabelNumbers labels;
  for (const auto& file : files) {
    TextFile text(file, options.encoding());
    for (std::string_view line; text.next(line);) {
      if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
      const std::size_t end = line.find_first_of(" \t");
      if (end == 0) text.fail(line, "a blank where the label belongs; expected: label text");
      if (end == std::string_view::npos) {
        text.fail(line, fmt::format("no text behind the label '{}'", line));
      }
      Example example;
      if (tokenizes) {
        example.words = basic_tokens(line.substr(end), /*lower=*/false).words;
      } else {
        for (const auto word : split_blanks(line.substr(end))) example.words.emplace_back(word);
      }
      if (example.words.empty()) {
        text.fail(line, fmt::format("no text behind the label '{}'", line.substr(0, end)));
      }
      example.labels = {labels.number(line.substr(0, end))};
      example.document =
          add_document(dataset, fmt::format("{}:{}", file.filename().string(), text.line_number()));
      dataset.examples.push_back(std::move(example));
    }
  }
  labels.finish(dataset);
  return dataset;
}

const ReaderRegistration registration(
    {"label_text",
     "label text, an example a line",
     {{"tokenize", false, "cut the text by BERT's rules; false: it is cut at blanks"}}},
    read_label_text);

}  // namespace
}  // namespace posbench
