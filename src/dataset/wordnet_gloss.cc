// WordNet's glosses, to be sorted into its 45 lexicographer files (noun.animal, verb.motion, …).
//
// A line of data.{noun,verb,adj,adv} is `offset lex_filenum ss_type w_cnt word lex_id … | gloss`
// (wndb(5WN)). The text is the definition: the gloss up to its first quotation mark, where the
// usage examples begin. They name the lemma and quote people, which is another task. It is
// lower-cased and cut into runs of letters and digits; a hyphen or an apostrophe between two of
// those stays inside.
//
// A document is a group of equal definitions: 'a city in Texas' defines many synsets, and with one
// of them among the training examples the others would be remembered, not understood.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <unordered_map>

#include "dataset/reader.h"

namespace posbench {
namespace {

// By number, from lexnames(5WN); Debian's package has the numbers only.
constexpr std::array<std::string_view, 45> kLexicographerFiles = {
    "adj.all",          "adj.pert",           "adv.all",
    "noun.Tops",        "noun.act",           "noun.animal",
    "noun.artifact",    "noun.attribute",     "noun.body",
    "noun.cognition",   "noun.communication", "noun.event",
    "noun.feeling",     "noun.food",          "noun.group",
    "noun.location",    "noun.motive",        "noun.object",
    "noun.person",      "noun.phenomenon",    "noun.plant",
    "noun.possession",  "noun.process",       "noun.quantity",
    "noun.relation",    "noun.shape",         "noun.state",
    "noun.substance",   "noun.time",          "verb.body",
    "verb.change",      "verb.cognition",     "verb.communication",
    "verb.competition", "verb.consumption",   "verb.contact",
    "verb.creation",    "verb.emotion",       "verb.motion",
    "verb.perception",  "verb.possession",    "verb.social",
    "verb.stative",     "verb.weather",       "adj.ppl"};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         (static_cast<unsigned char>(c) >= 0x80);
}

std::vector<std::string> tokenize(std::string_view definition) {
  const std::string text = lower_case(definition);
  std::vector<std::string> words;
  std::string word;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool joins = (text[i] == '-' || text[i] == '\'') && !word.empty() &&
                       i + 1 < text.size() && is_letter_or_digit(text[i + 1]);
    if (is_letter_or_digit(text[i]) || joins) {
      word += text[i];
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

struct Synset {
  std::string name;  // part of speech and offset, as in n00001740
  std::int32_t label;
};

// From what stands before the gloss: `offset lex_filenum ss_type w_cnt …`.
Synset parse_synset(const TextFile& text, std::string_view head) {
  const auto fields = split_blanks(head);
  if (fields.size() < 4 || fields[0].size() != 8) text.fail("not a WordNet data line");
  const std::string_view number = fields[1];
  std::int32_t label = -1;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), label);
  if (error != std::errc{} || end != number.data() + number.size() || label < 0 ||
      label >= static_cast<std::int32_t>(kLexicographerFiles.size())) {
    text.fail(number, fmt::format("lexicographer file '{}' is not one of 00 … 44", number));
  }
  if (fields[2].size() != 1 ||
      std::string_view("nvasr").find(fields[2]) == std::string_view::npos) {
    text.fail(fields[2], fmt::format("part of speech '{}' is not one of n, v, a, s, r", fields[2]));
  }
  return {fmt::format("{}{}", fields[2], fields[0]), label};
}

Dataset read_wordnet_gloss(const std::vector<std::filesystem::path>& files,
                           const ReaderOptions& options) {
  Dataset dataset;
  dataset.labels.assign(kLexicographerFiles.begin(), kLexicographerFiles.end());
  std::unordered_map<std::string, std::uint32_t> document_of_definition;
  for (const auto& file : files) {
    TextFile text(file, options.encoding());
    for (std::string_view line; text.next(line);) {
      if (line.starts_with("  ")) continue;  // the licence stands in front, indented
      const std::size_t bar = line.find(" | ");
      if (bar == std::string_view::npos) text.fail("no ' | ' before a gloss");
      const Synset synset = parse_synset(text, line.substr(0, bar));
      const std::string_view gloss = line.substr(bar + 3);
      Example example;
      example.labels = {synset.label};
      example.words = tokenize(gloss.substr(0, gloss.find('"')));
      if (example.words.empty()) text.fail("a gloss without a definition");
      const auto [known, is_new] =
          document_of_definition.emplace(fmt::format("{}", fmt::join(example.words, " ")),
                                         static_cast<std::uint32_t>(dataset.documents.size()));
      if (is_new) dataset.documents.push_back(synset.name);
      example.document = known->second;
      dataset.examples.push_back(std::move(example));
    }
  }
  return dataset;
}

const ReaderRegistration registration(
    {"wordnet_gloss", "WordNet's data files: glosses and their lexicographer files", {}},
    read_wordnet_gloss);

}  // namespace
}  // namespace posbench
