// Plain text for language models. A file is a document, and what stands between two blank lines an
// example.
#include "dataset/basic_tokens.h"
#include "dataset/reader.h"

namespace posbench {
namespace {

Dataset read_plain_text(const std::vector<std::filesystem::path>& files,
                        const ReaderOptions& options) {
  const bool lower = options.get<bool>("lower_case");
  Dataset dataset;
  for (const auto& file : files) {
    TextFile text(file, options.encoding());
    const std::uint32_t document = add_document(dataset, file.filename());
    Example paragraph;
    const auto finish = [&] {
      if (paragraph.words.empty()) return;
      paragraph.document = document;
      dataset.examples.push_back(std::move(paragraph));
      paragraph = {};
    };
    for (std::string_view line; text.next(line);) {
      auto words = basic_tokens(line, lower).words;
      if (words.empty()) finish();
      for (auto& word : words) paragraph.words.push_back(std::move(word));
    }
    finish();
  }
  return dataset;
}

const ReaderRegistration registration(
    {"plain_text",
     "text for language models; a file is a document, blank lines part its paragraphs",
     {{"lower_case", false, "words become lower case, without accents"}}},
    read_plain_text);

}  // namespace
}  // namespace posbench
