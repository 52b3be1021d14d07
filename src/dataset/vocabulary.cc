#include "dataset/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/sha256.h"
#include "dataset/reader.h"

namespace posbench {
namespace {

using Counts = std::unordered_map<std::string, std::size_t>;

// An ending gets an entry when the training text has it this often among its rare words; below
// that, an entry of its own would hardly be trained.
constexpr std::size_t kFrequentEnding = 10;

// `*ing` for a lower-cased word of more than three letters, else empty. Letters are code points,
// and every digit counts as 0, so that 1961 and 1959 end alike.
std::string ending(std::string_view word) {
  std::size_t begin = word.size();
  for (int letters = 0; letters < 3; ++letters) {
    do {
      if (begin == 0) return "";
      --begin;
    } while ((static_cast<unsigned char>(word[begin]) & 0xC0) == 0x80);
  }
  if (begin == 0) return "";
  std::string text = fmt::format("*{}", word.substr(begin));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
  return text;
}

// The most frequent first.
std::vector<std::pair<std::string, std::size_t>> ranked(const Counts& counts) {
  std::vector<std::pair<std::string, std::size_t>> list(counts.begin(), counts.end());
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return list;
}

}  // namespace

Vocabulary::Vocabulary(const Dataset& dataset, std::span<const std::uint32_t> training,
                       std::size_t size) {
  if (size < 32) {
    throw UserError(fmt::format("a vocabulary of {} entries is too small; take 32 or more", size));
  }
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) add(special);

  Counts words;
  for (const std::uint32_t example : training) {
    for (const auto& word : dataset.examples.at(example).words) ++words[lower_case(word)];
  }
  const std::size_t ending_slots = size / 16;
  Counts endings;
  for (auto& [word, count] : ranked(words)) {
    if (entries_.size() < size - ending_slots) {
      add(word);
    } else if (auto text = ending(word); !text.empty()) {
      endings[text] += count;
    }
  }
  for (auto& [text, count] : ranked(endings)) {
    if (entries_.size() == size || count < kFrequentEnding) break;
    add(text);
  }
}

void Vocabulary::add(std::string entry) {
  ids_.emplace(entry, static_cast<std::int32_t>(entries_.size()));
  entries_.push_back(std::move(entry));
}

std::int32_t Vocabulary::id(std::string_view word) const {
  const std::string lower = lower_case(word);
  if (const auto known = ids_.find(lower); known != ids_.end()) return known->second;
  const auto like = ids_.find(ending(lower));
  return like != ids_.end() ? like->second : kUnknown;
}

std::string Vocabulary::digest() const {
  Sha256 digest;
  for (const auto& entry : entries_) digest.update(entry + "\n");
  return digest.hex();
}

}  // namespace posbench
