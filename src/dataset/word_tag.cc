// `word/tag word/tag …`, one sentence a line, blank lines between, as the Brown corpus comes. A
// file is a document.
#include <fmt/format.h>

#include "dataset/reader.h"

namespace posbench {
namespace {

// What stands around the class of the word is dropped, also several times over.
std::string plain_tag(std::string_view raw, const ReaderOptions& options) {
  std::string tag = options.get<bool>("lower_case_tags") ? lower_case(raw) : std::string(raw);
  for (const auto& prefix : options.get<std::vector<std::string>>("drop_prefixes")) {
    if (tag.starts_with(prefix)) tag.erase(0, prefix.size());
  }
  const auto suffixes = options.get<std::vector<std::string>>("drop_suffixes");
  for (bool again = true; again;) {
    again = false;
    for (const auto& suffix : suffixes) {
      if (!tag.ends_with(suffix)) continue;
      tag.resize(tag.size() - suffix.size());
      again = true;
    }
  }
  return tag;
}

Dataset read_word_tag(const std::vector<std::filesystem::path>& files,
                      const ReaderOptions& options) {
  Dataset dataset;
  LabelNumbers labels;
  for (const auto& file : files) {
    TextFile text(file, options.encoding());
    const std::uint32_t document = add_document(dataset, file.filename());
    for (std::string_view line; text.next(line);) {
      const auto tokens = split_blanks(line);
      if (tokens.empty()) continue;
      Example sentence{.words = {}, .labels = {}, .document = document};
      for (const auto token : tokens) {
        // The last slash: words hold slashes too, as in `1/2/cd` or `and/or/cc`.
        const std::size_t slash = token.rfind('/');
        if (slash == std::string_view::npos || slash == 0) {
          text.fail(token, fmt::format("expected word/tag, found '{}'", token));
        }
        const std::string tag = plain_tag(token.substr(slash + 1), options);
        if (tag.empty()) text.fail(token, fmt::format("no tag in '{}'", token));
        sentence.words.emplace_back(token.substr(0, slash));
        sentence.labels.push_back(labels.number(tag));
      }
      dataset.examples.push_back(std::move(sentence));
    }
  }
  labels.finish(dataset);
  return dataset;
}

const ReaderRegistration registration(
    {"word_tag",
     "word/tag word/tag …, a sentence a line; a file is a document",
     {{"lower_case_tags", false, "A–Z of tags become a–z"},
      {"drop_prefixes", nlohmann::json::array(), "what is cut off in front of tags"},
      {"drop_suffixes", nlohmann::json::array(), "what is cut off behind tags"}}},
    read_word_tag);

}  // namespace
}  // namespace posbench
