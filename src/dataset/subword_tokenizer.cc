#include "dataset/subword_tokenizer.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/sha256.h"
#include "dataset/basic_tokens.h"
#include "dataset/merges.h"
#include "dataset/text_file.h"
#include "dataset/word_counts.h"

namespace posbench {
namespace {

constexpr std::string_view kWordEnd = "</w>";
constexpr std::string_view kGoesOn = "##";

std::vector<std::string> characters(std::string_view word) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < word.size();) {
    const std::size_t begin = i;
    U8_FWD_1(word.data(), i, word.size());
    all.emplace_back(word.substr(begin, i - begin));
  }
  return all;
}

// Basic words of the training side in lower case and their counts, in the order of their bytes.
std::map<std::string, std::size_t> basic_counts(const Dataset& dataset,
                                                std::span<const std::uint32_t> training) {
  std::map<std::string, std::size_t> counts;
  for (const auto& [word, count] : word_counts(dataset, training)) {
    for (const auto& basic : basic_tokens(word, /*lower=*/true).words) counts[basic] += count;
  }
  return counts;
}

// The symbols that stand in the words twice or more. One seen only once is [UNK] in training too,
// so that its row is trained; merges never hold it.
std::set<std::string> alphabet_of(const std::vector<CountedWord>& words) {
  std::map<std::string, std::size_t> counts;
  for (const CountedWord& word : words) {
    for (const auto& symbol : word.symbols) counts[symbol] += word.count;
  }
  std::set<std::string> alphabet;
  for (const auto& [symbol, count] : counts) {
    if (count >= 2) alphabet.insert(symbol);
  }
  return alphabet;
}

std::size_t room_for_merges(std::size_t size, std::size_t taken) {
  if (size > taken) return size - taken;
  throw UserError(fmt::format(
      "a vocabulary of {} has no room for the {} characters of the text; make it larger", size,
      taken));
}

std::uint64_t pair_of(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

BpeTokenizer::BpeTokenizer(const Dataset& dataset, std::span<const std::uint32_t> training,
                           std::size_t size) {
  add_special_tokens(table_);
  table_.add(std::string(kWordEnd));
  const auto counts = basic_counts(dataset, training);
  std::vector<CountedWord> words;
  for (const auto& [word, count] : counts) words.push_back({characters(word), count});
  for (const auto& character : alphabet_of(words)) table_.add(character);
  for (CountedWord& word : words) word.symbols.emplace_back(kWordEnd);
  const auto merges =
      learn_merges(words, room_for_merges(size, table_.size()),
                   [](const std::string& left, const std::string& right) { return left + right; });
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    // Two ways can lead to one piece.
    if (table_.find(merge.joined) < 0) table_.add(merge.joined);
    merges_.emplace(pair_of(table_.find(merge.left), table_.find(merge.right)),
                    Joined{rank, table_.find(merge.joined)});
  }
  for (const auto& [word, count] : counts) {
    std::vector<std::int32_t> tokens;
    append_basic(word, tokens);
    known_.emplace(word, std::move(tokens));
  }
}

void BpeTokenizer::append_basic(std::string_view word, std::vector<std::int32_t>& tokens) const {
  std::vector<std::int32_t> pieces;
  for (const auto& character : characters(word)) {
    const std::int32_t token = table_.find(character);
    pieces.push_back(token < 0 ? kSpecialTokens.unknown : token);
  }
  pieces.push_back(table_.find(kWordEnd));
  while (true) {
    auto best = merges_.end();
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
      const auto found = merges_.find(pair_of(pieces[i], pieces[i + 1]));
      if (found == merges_.end()) continue;
      if (best == merges_.end() || found->second.rank < best->second.rank) best = found;
    }
    if (best == merges_.end()) break;
    std::vector<std::int32_t> merged;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool here = i + 1 < pieces.size() && pair_of(pieces[i], pieces[i + 1]) == best->first;
      merged.push_back(here ? best->second.token : pieces[i]);
      if (here) ++i;
    }
    pieces = std::move(merged);
  }
  tokens.insert(tokens.end(), pieces.begin(), pieces.end());
}

void BpeTokenizer::append(std::string_view word, std::vector<std::int32_t>& tokens) const {
  const std::size_t before = tokens.size();
  const auto add = [&](const std::string& basic) {
    const auto known = known_.find(basic);
    if (known == known_.end()) {
      append_basic(basic, tokens);
    } else {
      tokens.insert(tokens.end(), known->second.begin(), known->second.end());
    }
  };
  // Most words of running text are lower-case words of the training side already.
  if (const auto known = known_.find(std::string(word)); known != known_.end()) {
    tokens.insert(tokens.end(), known->second.begin(), known->second.end());
    return;
  }
  for (const auto& basic : basic_tokens(word, /*lower=*/true).words) add(basic);
  if (tokens.size() == before) tokens.push_back(kSpecialTokens.unknown);
}

std::string BpeTokenizer::digest() const {
  // The same entries can come from other merges, in another order.
  std::map<std::size_t, std::uint64_t> by_rank;
  for (const auto& [pair, joined] : merges_) by_rank[joined.rank] = pair;
  std::string text = table_.digest();
  for (const auto& [rank, pair] : by_rank) text += fmt::format(" {}", pair);
  return sha256(text);
}

WordPieceTokenizer::WordPieceTokenizer(const Dataset& dataset,
                                       std::span<const std::uint32_t> training, std::size_t size) {
  add_special_tokens(table_);
  std::vector<CountedWord> words;
  for (const auto& [word, count] : basic_counts(dataset, training)) {
    words.push_back({characters(word), count});
    auto& symbols = words.back().symbols;
    for (std::size_t i = 1; i < symbols.size(); ++i) symbols[i].insert(0, kGoesOn);
  }
  for (const auto& character : alphabet_of(words)) table_.add(character);
  const auto merges = learn_merges(words, room_for_merges(size, table_.size()),
                                   [](const std::string& left, const std::string& right) {
                                     return left + right.substr(kGoesOn.size());
                                   });
  for (const Merge& merge : merges) {
    if (table_.find(merge.joined) < 0) table_.add(merge.joined);
  }
}

WordPieceTokenizer::WordPieceTokenizer(const std::filesystem::path& vocabulary) : lower_(true) {
  TextFile text(vocabulary);
  for (std::string_view line; text.next(line);) {
    if (line.empty()) text.fail("an empty line; vocab.txt has a piece a line");
    if (table_.find(line) >= 0) {
      text.fail(fmt::format("'{}' stands on line {} already", line, table_.find(line) + 1));
    }
    const bool is_special = line.front() == '[' && line.back() == ']';
    const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (!is_special && std::any_of(line.begin(), line.end(), is_capital)) lower_ = false;
    table_.add(std::string(line));
  }
  const auto find = [&](const char* name) {
    const std::int32_t token = table_.find(name);
    if (token >= 0) return token;
    throw UserError(
        fmt::format("{}: no line {}; is this a vocab.txt of BERT?", vocabulary.string(), name));
  };
  special_ = {find("[PAD]"), find("[UNK]"), find("[CLS]"), find("[SEP]"), find("[MASK]")};
}

void WordPieceTokenizer::append_basic(std::string_view word,
                                      std::vector<std::int32_t>& tokens) const {
  constexpr std::size_t kLongest = 100;
  const std::size_t before = tokens.size();
  std::vector<std::size_t> ends;  // of each character
  for (std::size_t i = 0; i < word.size();) {
    U8_FWD_1(word.data(), i, word.size());
    ends.push_back(i);
  }
  std::size_t begin = 0;
  std::size_t next = 0;  // character that the next piece begins with
  while (ends.size() <= kLongest && next < ends.size()) {
    std::size_t last = ends.size();
    std::int32_t found = -1;
    while (last > next && found < 0) {
      std::string piece(next == 0 ? "" : kGoesOn);
      piece += word.substr(begin, ends[last - 1] - begin);
      found = table_.find(piece);
      if (found < 0) --last;
    }
    if (found < 0) break;
    tokens.push_back(found);
    begin = ends[last - 1];
    next = last;
  }
  if (next == ends.size()) return;
  tokens.resize(before);
  tokens.push_back(special_.unknown);
}

void WordPieceTokenizer::append(std::string_view word, std::vector<std::int32_t>& tokens) const {
  // Most words of running text are small letters alone, which basic tokenization leaves as they
  // are.
  const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_small)) {
    append_basic(word, tokens);
    return;
  }
  const std::size_t before = tokens.size();
  for (const auto& basic : basic_tokens(word, lower_).words) append_basic(basic, tokens);
  if (tokens.size() == before) tokens.push_back(special_.unknown);
}

}  // namespace posbench
