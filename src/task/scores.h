// Scores of the field, by their official rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace posbench {

/// The mean F1 over the classes that occur among gold or guess, each counting alike; a class never
/// guessed right has 0 (scikit-learn's f1_score with average="macro").
double macro_f1(std::span<const std::int32_t> gold, std::span<const std::int32_t> guess,
                int classes);

struct ChunkCounts {
  double right, guessed, common;  ///< chunks of the gold labels, of the guess, of both
};
struct ChunkScore {
  double precision, recall, f1;
};

/// Whole chunks, by the rules of CoNLL-2000's conlleval, which takes any sequence of labels: an I-
/// that follows O or another type begins a chunk. Both are sentences of labels O, B-type, I-type.
ChunkCounts count_chunks(const std::vector<std::vector<std::string>>& gold,
                         const std::vector<std::vector<std::string>>& guess);
ChunkScore chunk_f1(const std::vector<std::vector<std::string>>& gold,
                    const std::vector<std::vector<std::string>>& guess);

/// Whether all labels are O, B- or I- with a type, and some are.
bool has_chunks(const std::vector<std::string>& labels);

/// SQuAD's normal form (Rajpurkar 2016, evaluate-v1.1.py): lower case, without ASCII punctuation,
/// without the words a, an, the, single blanks. Letters, blanks and the bounds of words are
/// Unicode's, as in the script.
std::string squad_normalized(std::string_view answer);
bool squad_exact(std::string_view guess, std::string_view gold);
/// F1 of the words in common, each as often as it occurs; where one has no words, 1 if both have
/// none, else 0 (as in SQuAD 2.0).
double squad_f1(std::string_view guess, std::string_view gold);

/// From mean nats a token.
double perplexity(double mean_nats);
/// From the nats of a whole text and its bytes.
double bits_per_byte(double nats, std::size_t bytes);

}  // namespace posbench
