#include "task/scores.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <set>
#include <sstream>

namespace posbench {
namespace {

double f1_of(double common, double guessed, double right) {
  return guessed + right == 0 ? 0 : 2 * common / (guessed + right);
}

struct Chunk {
  std::size_t first, last;  // words
  std::string type;
  auto operator<=>(const Chunk&) const = default;
};

// A chunk begins at B-, and at I- where what stands before is O or of another type; it goes on over
// every I- of its type.
std::set<Chunk> chunks_of(const std::vector<std::string>& labels) {
  std::set<Chunk> chunks;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == "O") continue;
    const std::string type = labels[i].substr(2);
    std::size_t last = i;
    while (last + 1 < labels.size() && labels[last + 1] == "I-" + type) ++last;
    chunks.insert({i, last, type});
    i = last;
  }
  return chunks;
}

bool is_ascii_punctuation(UChar32 c) { return c > ' ' && c < 0x7F && !u_isalnum(c); }

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

double macro_f1(std::span<const std::int32_t> gold, std::span<const std::int32_t> guess,
                int classes) {
  const auto n = static_cast<std::size_t>(classes);
  std::vector<double> right(n), guessed(n), common(n);
  for (std::size_t i = 0; i < gold.size(); ++i) {
    const auto g = static_cast<std::size_t>(gold[i]), h = static_cast<std::size_t>(guess[i]);
    ++right[g];
    ++guessed[h];
    if (g == h) ++common[g];
  }
  double sum = 0, occurring = 0;
  for (std::size_t c = 0; c < n; ++c) {
    if (right[c] + guessed[c] == 0) continue;
    sum += f1_of(common[c], guessed[c], right[c]);
    ++occurring;
  }
  return occurring == 0 ? 0 : sum / occurring;
}

ChunkCounts count_chunks(const std::vector<std::vector<std::string>>& gold,
                         const std::vector<std::vector<std::string>>& guess) {
  double right = 0, guessed = 0, common = 0;
  for (std::size_t s = 0; s < gold.size(); ++s) {
    const auto a = chunks_of(gold[s]), b = chunks_of(guess[s]);
    right += static_cast<double>(a.size());
    guessed += static_cast<double>(b.size());
    common += static_cast<double>(
        std::count_if(b.begin(), b.end(), [&](const Chunk& c) { return a.contains(c); }));
  }
  return {right, guessed, common};
}

ChunkScore chunk_f1(const std::vector<std::vector<std::string>>& gold,
                    const std::vector<std::vector<std::string>>& guess) {
  const auto [right, guessed, common] = count_chunks(gold, guess);
  return {guessed == 0 ? 0 : common / guessed, right == 0 ? 0 : common / right,
          f1_of(common, guessed, right)};
}

bool has_chunks(const std::vector<std::string>& labels) {
  const auto is_chunk = [](const std::string& label) {
    return label.size() > 2 && (label.starts_with("B-") || label.starts_with("I-"));
  };
  return std::any_of(labels.begin(), labels.end(), is_chunk) &&
         std::all_of(labels.begin(), labels.end(),
                     [&](const std::string& label) { return label == "O" || is_chunk(label); });
}

std::string squad_normalized(std::string_view answer) {
  std::string lower;
  icu::UnicodeString::fromUTF8(
      icu::StringPiece(answer.data(), static_cast<std::int32_t>(answer.size())))
      .toLower(icu::Locale::getRoot())
      .toUTF8String(lower);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(lower.data());
  std::string normal, run;  // run: letters and digits since the last other character
  bool is_parted = false;   // by blanks or an article
  const auto add = [&](const std::string& text) {
    if (is_parted && !normal.empty()) normal += ' ';
    is_parted = false;
    normal += text;
  };
  const auto finish_run = [&] {
    if (run == "a" || run == "an" || run == "the") {
      is_parted = true;
    } else if (!run.empty()) {
      add(run);
    }
    run.clear();
  };
  for (std::size_t i = 0; i < lower.size();) {
    const std::size_t begin = i;
    UChar32 c;
    U8_NEXT(bytes, i, lower.size(), c);
    if (is_ascii_punctuation(c)) continue;
    const std::string character = lower.substr(begin, i - begin);
    if ((U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_N_MASK)) != 0) {
      run += character;
      continue;
    }
    finish_run();
    if (u_isspace(c)) {
      is_parted = true;
    } else {
      add(character);
    }
  }
  finish_run();
  return normal;
}

bool squad_exact(std::string_view guess, std::string_view gold) {
  return squad_normalized(guess) == squad_normalized(gold);
}

double squad_f1(std::string_view guess, std::string_view gold) {
  const auto guessed = words_of(squad_normalized(guess)), right = words_of(squad_normalized(gold));
  if (guessed.empty() || right.empty()) return guessed.empty() && right.empty() ? 1 : 0;
  std::map<std::string, int> left;
  for (const auto& word : right) ++left[word];
  double common = 0;
  for (const auto& word : guessed) {
    if (left[word]-- > 0) ++common;
  }
  return f1_of(common, static_cast<double>(guessed.size()), static_cast<double>(right.size()));
}

double perplexity(double mean_nats) { return std::exp(mean_nats); }

double bits_per_byte(double nats, std::size_t bytes) {
  return nats / std::numbers::ln2 / static_cast<double>(bytes);
}

}  // namespace posbench
