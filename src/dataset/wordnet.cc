#include "dataset/wordnet.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "dataset/reader.h"

namespace posbench {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         (static_cast<unsigned char>(c) >= 0x80);
}

int number_at(const TextFile& text, std::string_view piece, int base, int most,
              const std::string& what) {
  int number = -1;
  const auto [end, error] =
      std::from_chars(piece.data(), piece.data() + piece.size(), number, base);
  if (error == std::errc{} && end == piece.data() + piece.size() && number >= 0 && number <= most) {
    return number;
  }
  text.fail(piece, what);
}

Synset parse_synset(const TextFile& text, std::string_view line) {
  const std::size_t bar = line.find(" | ");
  if (bar == std::string_view::npos) text.fail("no ' | ' before a gloss");
  const auto fields = split_blanks(line.substr(0, bar));
  if (fields.size() < 4 || fields[0].size() != 8) text.fail("not a WordNet data line");
  const auto& files = lexicographer_files();
  const std::int32_t file =
      number_at(text, fields[1], 10, static_cast<int>(files.size()) - 1,
                fmt::format("lexicographer file '{}' is not one of 00 … 44", fields[1]));
  if (fields[2].size() != 1 ||
      std::string_view("nvasr").find(fields[2]) == std::string_view::npos) {
    text.fail(fields[2], fmt::format("part of speech '{}' is not one of n, v, a, s, r", fields[2]));
  }
  const int words = number_at(text, fields[3], 16, 255,
                              fmt::format("'{}' is no hexadecimal number of words", fields[3]));
  if (fields.size() < 4 + 2 * static_cast<std::size_t>(words)) {
    text.fail(fmt::format("a synset of {} words that ends before the last", words));
  }
  Synset synset{fmt::format("{}{}", fields[2], fields[0]), file, {}, line.substr(bar + 3)};
  for (int i = 0; i < words; ++i) {
    std::string lemma(fields[4 + 2 * static_cast<std::size_t>(i)]);
    // Where an adjective may stand, as in galore(ip), is no part of it.
    lemma = lemma.substr(0, lemma.find('('));
    std::replace(lemma.begin(), lemma.end(), '_', ' ');
    synset.lemmas.push_back(std::move(lemma));
  }
  return synset;
}

}  // namespace

void each_synset(const std::filesystem::path& file, TextEncoding encoding,
                 const std::function<void(const TextFile& text, const Synset& synset)>& use) {
  TextFile text(file, encoding);
  for (std::string_view line; text.next(line);) {
    if (!line.starts_with("  ")) use(text, parse_synset(text, line));
  }
}

const std::vector<std::string>& lexicographer_files() {
  static const std::vector<std::string> names = {
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
  return names;
}

std::vector<std::string> gloss_words(std::string_view original) {
  const std::string text = lower_case(original);
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

}  // namespace posbench
