// `word/tag word/tag …`, one sentence a line, blank lines between, as the Brown corpus comes. A
// file is a document.
//
// One corpus serves several tasks; the option `labels` says which:
//   tags          every word has its tag
//   none          text alone, for language models
//   genre         some sentences on end are an example; a file named cats.txt (`ca01 news`, a line
//   a
//                 file) says of which genre each file is
//   bigram_shift  in half of the sentences two neighbours have changed places, as in SentEval
//                 (Conneau 2018); sentences of fewer than five words are left out
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "base/random.h"
#include "dataset/reader.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;

const std::vector<std::string> kLabels = {"tags", "none", "genre", "bigram_shift"};
constexpr std::size_t kShortestShifted = 5;

class WordTagReader {
 public:
  explicit WordTagReader(const ReaderOptions& options)
      : encoding_(options.encoding()),
        lower_cases_(options.get<bool>("lower_case_tags")),
        prefixes_(options.get<std::vector<std::string>>("drop_prefixes")),
        suffixes_(options.get<std::vector<std::string>>("drop_suffixes")),
        labels_(options.get<std::string>("labels")),
        per_example_(options.get<int>("sentences_per_example")),
        random_(options.get<std::uint64_t>("seed"), "bigram shift") {
    if (std::find(kLabels.begin(), kLabels.end(), labels_) == kLabels.end()) {
      throw UserError("reader word_tag: " + unknown_word("labels", labels_, kLabels));
    }
    if (per_example_ < 1) {
      throw UserError("reader word_tag: an example has at least 1 sentence");
    }
  }

  void read(const fs::path& file) {
    TextFile text(file, encoding_);
    document_ = add_document(dataset_, file.filename());
    genre_ = labels_ == "genre" ? numbers_.number(genre_of(file)) : kNoLabel;
    sentences_ = 0;
    for (std::string_view line; text.next(line);) {
      const auto tokens = split_blanks(line);
      if (!tokens.empty()) keep(sentence_of(text, tokens));
    }
  }

  // `ca01 news`, one line a file.
  void read_genres(const fs::path& file) {
    TextFile text(file, encoding_);
    for (std::string_view line; text.next(line);) {
      const auto cells = split_blanks(line);
      if (cells.empty()) continue;
      if (cells.size() != 2) text.fail(line, fmt::format("expected: file genre, found '{}'", line));
      if (!genres_.emplace(cells[0], cells[1]).second) {
        text.fail(cells[0], fmt::format("'{}' has a genre already", cells[0]));
      }
    }
  }

  Dataset finish() {
    numbers_.finish(dataset_);
    return std::move(dataset_);
  }

 private:
  // What stands around the class of the word is dropped, also several times over.
  std::string plain_tag(std::string_view raw) const {
    std::string tag = lower_cases_ ? lower_case(raw) : std::string(raw);
    for (const auto& prefix : prefixes_) {
      if (tag.starts_with(prefix)) tag.erase(0, prefix.size());
    }
    const auto ends_it = [&](const std::string& suffix) {
      return !suffix.empty() && tag.ends_with(suffix);
    };
    while (true) {
      const auto suffix = std::find_if(suffixes_.begin(), suffixes_.end(), ends_it);
      if (suffix == suffixes_.end()) return tag;
      tag.resize(tag.size() - suffix->size());
    }
  }

  Example sentence_of(const TextFile& text, const std::vector<std::string_view>& tokens) {
    Example sentence{.words = {}, .labels = {}, .document = document_};
    for (const auto token : tokens) {
      // The last slash: words hold slashes too, as in `1/2/cd` or `and/or/cc`.
      const std::size_t slash = token.rfind('/');
      if (slash == std::string_view::npos || slash == 0) {
        text.fail(token, fmt::format("expected word/tag, found '{}'", token));
      }
      const std::string tag = plain_tag(token.substr(slash + 1));
      if (tag.empty()) text.fail(token, fmt::format("no tag in '{}'", token));
      sentence.words.emplace_back(token.substr(0, slash));
      if (labels_ == "tags") sentence.labels.push_back(numbers_.number(tag));
    }
    return sentence;
  }

  void keep(Example sentence) {
    if (labels_ == "bigram_shift") {
      if (!shift(sentence)) return;
    } else if (labels_ == "genre") {
      sentence.labels = {genre_};
      if (sentences_++ % per_example_ != 0) {
        auto& words = dataset_.examples.back().words;
        words.insert(words.end(), sentence.words.begin(), sentence.words.end());
        return;
      }
    }
    dataset_.examples.push_back(std::move(sentence));
  }

  // Whether the sentence is kept.
  bool shift(Example& sentence) {
    auto& words = sentence.words;
    std::vector<std::size_t> places;  // where two neighbours differ
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      if (lower_case(words[i]) != lower_case(words[i + 1])) places.push_back(i);
    }
    if (words.size() < kShortestShifted || places.empty()) {
      ++dataset_.skipped["sentences of fewer than 5 words, or of one word over and over"];
      return false;
    }
    const bool shifts = random_.below(2) == 1;
    if (shifts) {
      const std::size_t at = places[random_.below(places.size())];
      std::swap(words[at], words[at + 1]);
    }
    sentence.labels = {numbers_.number(shifts ? "shifted" : "as_written")};
    return true;
  }

  std::string genre_of(const fs::path& file) const {
    const auto found = genres_.find(file.filename().string());
    if (found != genres_.end()) return found->second;
    throw UserError(
        fmt::format("{}: cats.txt names no genre of this file; it must stand among "
                    "the files of the manifest",
                    file.string()));
  }

  TextEncoding encoding_;
  bool lower_cases_;
  std::vector<std::string> prefixes_, suffixes_;
  std::string labels_;
  int per_example_;
  Random random_;
  std::map<std::string, std::string> genres_;
  Dataset dataset_;
  LabelNumbers numbers_;
  std::uint32_t document_ = 0;
  std::int32_t genre_ = kNoLabel;
  int sentences_ = 0;  // of the document
};

Dataset read_word_tag(const std::vector<fs::path>& files, const ReaderOptions& options) {
  WordTagReader reader(options);
  const auto names_genres = [](const fs::path& file) { return file.filename() == "cats.txt"; };
  for (const auto& file : files) {
    if (names_genres(file)) reader.read_genres(file);
  }
  const auto starts = options.get<std::vector<std::string>>("only_files");
  const auto wanted = [&](const fs::path& file) {
    return starts.empty() || std::ranges::any_of(starts, [&](const std::string& start) {
             return file.filename().string().starts_with(start);
           });
  };
  for (const auto& file : files) {
    if (!names_genres(file) && wanted(file)) reader.read(file);
  }
  return reader.finish();
}

const ReaderRegistration registration(
    {"word_tag",
     "word/tag word/tag …, a sentence a line; a file is a document",
     {{"lower_case_tags", false, "A–Z of tags become a–z"},
      {"drop_prefixes", nlohmann::json::array(), "what is cut off in front of tags"},
      {"drop_suffixes", nlohmann::json::array(), "what is cut off behind tags"},
      {"labels", "tags", "tags, none, genre or bigram_shift"},
      {"only_files", nlohmann::json::array(), "read files whose names begin so; none: all"},
      {"sentences_per_example", 10, "genre: sentences that make an example"},
      {"seed", 0, "bigram_shift: draws what is swapped"}}},
    read_word_tag);

}  // namespace
}  // namespace posbench
