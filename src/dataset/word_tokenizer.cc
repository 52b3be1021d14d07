#include "dataset/word_tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/sha256.h"
#include "dataset/reader.h"
#include "dataset/word_counts.h"

namespace posbench {
namespace {

// An ending or a feature gets an entry when the training text has it this often; below that, an
// entry of its own would hardly be trained.
constexpr std::size_t kFrequent = 10;

bool continues_letter(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Every digit counts as 0, so that 1961 and 1959 are alike.
void level_digits(std::string& text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
}

// `*ing` for a lower-cased word of more than three letters, else empty. Letters are code points.
std::string ending(std::string_view word) {
  std::size_t begin = word.size();
  for (int letters = 0; letters < 3; ++letters) {
    do {
      if (begin == 0) return "";
      --begin;
    } while (continues_letter(word[begin]));
  }
  if (begin == 0) return "";
  std::string text = fmt::format("*{}", word.substr(begin));
  level_digits(text);
  return text;
}

// `pre*` for a lower-cased word of more than three letters, else empty.
std::string beginning(std::string_view word) {
  std::size_t end = 0;
  for (int letters = 0; letters < 3; ++letters) {
    if (end == word.size()) return "";
    do {
      ++end;
    } while (end < word.size() && continues_letter(word[end]));
  }
  if (end == word.size()) return "";
  std::string text = fmt::format("{}*", word.substr(0, end));
  level_digits(text);
  return text;
}

// `^Xx0-x` of a word as it is written.
std::string shape(std::string_view word) {
  constexpr std::size_t kLongest = 6, kRun = 2;
  std::string text = "^";
  std::size_t run = 0;
  for (const char c : word) {
    if (continues_letter(c)) continue;
    const bool small = (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
    const char kind = c >= 'A' && c <= 'Z' ? 'X' : small ? 'x' : c >= '0' && c <= '9' ? '0' : c;
    run = kind == text.back() ? run + 1 : 1;
    if (run <= kRun) text += kind;
    if (text.size() > kLongest) break;
  }
  return text;
}

void require_size(std::size_t size) {
  if (size >= 32) return;
  throw UserError(fmt::format("a vocabulary of {} entries is too small; take 32 or more", size));
}

}  // namespace

void EntryTable::add(std::string entry) {
  ids_.emplace(entry, static_cast<std::int32_t>(entries_.size()));
  entries_.push_back(std::move(entry));
}

std::int32_t EntryTable::find(std::string_view entry) const {
  const auto known = ids_.find(entry);
  return known == ids_.end() ? -1 : known->second;
}

std::string EntryTable::digest() const {
  Sha256 digest;
  for (const auto& entry : entries_) digest.update(entry + "\n");
  return digest.hex();
}

void add_special_tokens(EntryTable& table) {
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) table.add(special);
}

WordTokenizer::WordTokenizer(const Dataset& dataset, std::span<const std::uint32_t> training,
                             std::size_t size) {
  require_size(size);
  add_special_tokens(table_);
  const std::size_t ending_slots = size / 16;
  WordCounts endings;
  for (const auto& [word, count] : ranked(lower_case_counts(dataset, training))) {
    if (table_.size() < size - ending_slots) {
      table_.add(word);
    } else if (auto text = ending(word); !text.empty()) {
      endings[text] += count;
    }
  }
  for (const auto& [text, count] : ranked(endings)) {
    if (table_.size() == size || count < kFrequent) break;
    table_.add(text);
  }
}

std::int32_t WordTokenizer::id(std::string_view word) const {
  const std::string lower = lower_case(word);
  if (const std::int32_t known = table_.find(lower); known >= 0) return known;
  const std::int32_t like = table_.find(ending(lower));
  return like >= 0 ? like : kSpecialTokens.unknown;
}

FeatureTokenizer::FeatureTokenizer(const Dataset& dataset, std::span<const std::uint32_t> training,
                                   std::size_t size) {
  require_size(size);
  add_special_tokens(table_);
  const std::size_t most_words = size - size / 4;
  WordCounts features;
  for (const auto& [word, count] : word_counts(dataset, training)) {
    const std::string lower = lower_case(word);
    for (auto& text : {ending(lower), beginning(lower), shape(word)}) {
      if (!text.empty()) features[text] += count;
    }
  }
  for (const auto& [word, count] : ranked(lower_case_counts(dataset, training))) {
    if (table_.size() == most_words) break;
    table_.add(word);
  }
  tokens_ = table_.size();
  for (const auto& [text, count] : ranked(features)) {
    if (table_.size() == size || count < kFrequent) break;
    // A word that looks like a feature, `*ing`, keeps its row; the feature does without.
    if (table_.find(text) < 0) table_.add(text);
  }
}

void FeatureTokenizer::append(std::string_view word, std::vector<std::int32_t>& tokens) const {
  const std::int32_t known = table_.find(lower_case(word));
  const bool is_token = known >= 0 && known < static_cast<std::int32_t>(tokens_);
  tokens.push_back(is_token ? known : kSpecialTokens.unknown);
}

void FeatureTokenizer::append_features(std::string_view word,
                                       std::vector<std::int32_t>& features) const {
  const std::string lower = lower_case(word);
  for (const auto& text : {ending(lower), beginning(lower), shape(word)}) {
    const std::int32_t known = table_.find(text);
    features.push_back(known >= static_cast<std::int32_t>(tokens_) ? known : -1);
  }
}

std::string FeatureTokenizer::digest() const {
  // An entry `*ing` can be a word or an ending.
  return sha256(fmt::format("{} {}", tokens_, table_.digest()));
}

}  // namespace posbench
