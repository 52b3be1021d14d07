// The Brown corpus with part-of-speech tags: `word/tag word/tag …`, one sentence a line, blank
// lines between. A document is one of its 500 samples (ca01 … cr09), about 2,300 words each.
//
// Tags are lower-cased, and what says nothing about the word's class goes: `fw-` in front (foreign
// word), `-tl` (in a title), `-hl` (in a headline) and `-nc` (cited) behind, also several of them.
// That turns 472 tags into 190.
#include <fmt/format.h>

#include <map>

#include "dataset/reader.h"

namespace posbench {
namespace {

std::string plain_tag(std::string_view raw) {
  std::string tag = lower_case(raw);
  if (tag.starts_with("fw-")) tag.erase(0, 3);
  while (tag.ends_with("-tl") || tag.ends_with("-hl") || tag.ends_with("-nc")) {
    tag.resize(tag.size() - 3);
  }
  return tag;
}

// Numbers tags as they come; sort_labels renumbers them by name at the end.
std::int32_t number_of(std::map<std::string, std::int32_t>& numbers, const std::string& tag) {
  return numbers.emplace(tag, static_cast<std::int32_t>(numbers.size())).first->second;
}

void sort_labels(const std::map<std::string, std::int32_t>& numbers, Dataset& dataset) {
  std::vector<std::int32_t> renumbered(numbers.size());
  for (const auto& [tag, number] : numbers) {
    renumbered[static_cast<std::size_t>(number)] = static_cast<std::int32_t>(dataset.labels.size());
    dataset.labels.push_back(tag);
  }
  for (auto& example : dataset.examples) {
    for (auto& label : example.labels) label = renumbered[static_cast<std::size_t>(label)];
  }
}

Dataset read_brown(const std::vector<std::filesystem::path>& files) {
  Dataset dataset;
  std::map<std::string, std::int32_t> numbers;
  for (const auto& file : files) {
    const Lines text(file);
    const auto document = static_cast<std::uint32_t>(dataset.documents.size());
    dataset.documents.push_back(file.filename());
    for (std::size_t i = 0; i < text.lines().size(); ++i) {
      const auto tokens = split_blanks(text.lines()[i]);
      if (tokens.empty()) continue;
      Example sentence{.words = {}, .labels = {}, .document = document};
      for (const auto token : tokens) {
        // The last slash: words hold slashes too, as in `1/2/cd` or `and/or/cc`.
        const std::size_t slash = token.rfind('/');
        if (slash == std::string_view::npos || slash == 0) {
          text.fail(i, fmt::format("expected word/tag, found '{}'", token));
        }
        const std::string tag = plain_tag(token.substr(slash + 1));
        if (tag.empty()) text.fail(i, fmt::format("no tag in '{}'", token));
        sentence.words.emplace_back(token.substr(0, slash));
        sentence.labels.push_back(number_of(numbers, tag));
      }
      dataset.examples.push_back(std::move(sentence));
    }
  }
  sort_labels(numbers, dataset);
  return dataset;
}

[[maybe_unused]] const bool registered = register_reader("brown_pos", read_brown);

}  // namespace
}  // namespace posbench
