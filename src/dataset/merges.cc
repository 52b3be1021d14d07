#include "dataset/merges.h"

#include <cstdint>
#include <queue>
#include <tuple>
#include <unordered_map>

namespace posbench {
namespace {

class Learner {
 public:
  explicit Learner(const std::vector<CountedWord>& words) {
    for (const CountedWord& word : words) {
      words_.push_back({{}, word.count});
      for (const auto& symbol : word.symbols) words_.back().symbols.push_back(number(symbol));
    }
    for (std::uint32_t w = 0; w < words_.size(); ++w) count_pairs(w, +1);
    for (const auto& [pair, of] : pairs_) push(pair, of.count);
  }

  std::vector<Merge> learn(
      std::size_t most,
      const std::function<std::string(const std::string&, const std::string&)>& join) {
    std::vector<Merge> merges;
    while (merges.size() < most && !queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const std::uint64_t pair = key(best.left, best.right);
      const std::int64_t count = pairs_[pair].count;
      if (count != best.count) {  // words changed since: it stands elsewhere in the queue
        continue;
      }
      if (count < 2) break;
      const std::string left = names_[best.left], right = names_[best.right];
      merges.push_back({left, right, join(left, right)});
      merge(pair, best.left, best.right, number(merges.back().joined));
    }
    return merges;
  }

 private:
  using Symbol = std::uint32_t;
  struct Word {
    std::vector<Symbol> symbols;
    std::size_t count;
  };
  struct Pair {
    std::int64_t count = 0;
    std::vector<std::uint32_t> words;  // that hold it, or did
  };
  struct Candidate {
    std::int64_t count;
    Symbol left, right;
    const std::vector<std::string>* names;
    // Less: rarer, or later in the order of bytes.
    bool operator<(const Candidate& other) const {
      return std::tie(count, (*names)[other.left], (*names)[other.right]) <
             std::tie(other.count, (*names)[left], (*names)[right]);
    }
  };

  static std::uint64_t key(Symbol left, Symbol right) { return std::uint64_t{left} << 32 | right; }
  Symbol number(const std::string& symbol) {
    const auto [known, is_new] = numbers_.emplace(symbol, static_cast<Symbol>(names_.size()));
    if (is_new) names_.push_back(symbol);
    return known->second;
  }
  void push(std::uint64_t pair, std::int64_t count) {
    if (count < 1) return;
    queue_.push({count, static_cast<Symbol>(pair >> 32), static_cast<Symbol>(pair), &names_});
  }
  // Adds (+1) or takes away (−1) what a word gives to the counts of its pairs.
  void count_pairs(std::uint32_t w, std::int64_t sign) {
    const Word& word = words_[w];
    for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      Pair& pair = pairs_[key(word.symbols[i], word.symbols[i + 1])];
      pair.count += sign * static_cast<std::int64_t>(word.count);
      if (sign > 0) pair.words.push_back(w);
    }
  }
  void merge(std::uint64_t pair, Symbol left, Symbol right, Symbol joined) {
    const std::vector<std::uint32_t> holders = std::move(pairs_[pair].words);
    std::vector<std::uint64_t> changed;
    for (const std::uint32_t w : holders) {
      std::vector<Symbol>& symbols = words_[w].symbols;
      std::vector<Symbol> merged;
      for (std::size_t i = 0; i < symbols.size(); ++i) {
        const bool here = i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right;
        merged.push_back(here ? joined : symbols[i]);
        if (here) ++i;
      }
      if (merged.size() == symbols.size()) continue;  // a holder twice, or no more
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
        changed.push_back(key(symbols[i], symbols[i + 1]));
      }
      count_pairs(w, -1);
      symbols = std::move(merged);
      count_pairs(w, +1);
      for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
        changed.push_back(key(symbols[i], symbols[i + 1]));
      }
    }
    for (const std::uint64_t one : changed) push(one, pairs_[one].count);
  }

  std::vector<Word> words_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, Symbol> numbers_;
  std::unordered_map<std::uint64_t, Pair> pairs_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

std::vector<Merge> learn_merges(
    const std::vector<CountedWord>& words, std::size_t most,
    const std::function<std::string(const std::string&, const std::string&)>& join) {
  return Learner(words).learn(most, join);
}

}  // namespace posbench
