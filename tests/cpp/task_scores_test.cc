// Scores against examples worked by hand.
#include "task/scores.h"

#include <gtest/gtest.h>

#include <cmath>

namespace posbench {
namespace {
using Sentences = std::vector<std::vector<std::string>>;

// scikit-learn's example: f1_score([0,1,2,0,1,2], [0,2,1,0,0,1], average="macro") is 0.2666….
TEST(MacroF1, IsThatOfScikitLearn) {
  const std::vector<std::int32_t> gold = {0, 1, 2, 0, 1, 2}, guess = {0, 2, 1, 0, 0, 1};
  EXPECT_NEAR(macro_f1(gold, guess, 3), 0.8 / 3, 1e-12);
  EXPECT_NEAR(macro_f1(gold, guess, 9), 0.8 / 3, 1e-12) << "classes that do not occur";
  EXPECT_EQ(macro_f1(gold, gold, 3), 1);
}

TEST(ChunkF1, CountsWholeChunks) {
  const Sentences gold = {{"B-NP", "I-NP", "O", "B-VP"}, {"B-NP", "B-NP"}};
  EXPECT_EQ(chunk_f1(gold, gold).f1, 1);
  // Of three guessed chunks two are right: the first is too short, the rest of it is no chunk.
  const ChunkScore score = chunk_f1(gold, {{"B-NP", "O", "O", "B-VP"}, {"B-NP", "O"}});
  EXPECT_NEAR(score.precision, 2.0 / 3, 1e-12);
  EXPECT_NEAR(score.recall, 2.0 / 4, 1e-12);
  EXPECT_NEAR(score.f1, 4.0 / 7, 1e-12);
}

// conlleval takes any sequence: I- behind O, or behind another type, begins a chunk.
TEST(ChunkF1, ReadsIllFormedGuessesAsConllevalDoes) {
  const Sentences gold = {{"B-NP", "I-NP", "B-VP", "O"}};
  EXPECT_EQ(chunk_f1(gold, {{"I-NP", "I-NP", "I-VP", "O"}}).f1, 1);
  EXPECT_EQ(chunk_f1(gold, {{"B-NP", "B-NP", "B-VP", "O"}}).precision, 1.0 / 3);
  EXPECT_EQ(chunk_f1({{"B-NP"}, {"I-NP"}}, {{"B-NP"}, {"B-NP"}}).f1, 1) << "sentences do not touch";
  EXPECT_EQ(chunk_f1(gold, {{"O", "O", "O", "O"}}).f1, 0);
  EXPECT_EQ(chunk_f1({{"O"}}, {{"O"}}).f1, 0) << "conlleval's: no chunk, no score";
}

TEST(ChunkF1, IsForChunks) {
  EXPECT_TRUE(has_chunks({"B-NP", "I-NP", "O"}));
  EXPECT_FALSE(has_chunks({"nn", "O"}));
  EXPECT_FALSE(has_chunks({"O"}));
  EXPECT_FALSE(has_chunks({"B-", "O"}));
}

TEST(Squad, NormalisesAsTheOfficialScriptDoes) {
  EXPECT_EQ(squad_normalized("The  Cat's, an  \tA.B. (hat)!"), "cats ab hat");
  EXPECT_EQ(squad_normalized("Theatre of a 1990s"), "theatre of 1990s");
  EXPECT_EQ(squad_normalized("\u00C9t\u00E9 \u2014"), "\u00E9t\u00E9 \u2014");
  EXPECT_EQ(squad_normalized("1990\u2013the\u2013end\u00A0 An"), "1990\u2013 \u2013end")
      << "words end at any character that is neither letter nor digit; some blanks are not ASCII";
  EXPECT_EQ(squad_normalized("a-n o'the th\u00E9 \u00E1"), "othe th\u00E9 \u00E1")
      << "punctuation goes before the articles";
  EXPECT_TRUE(squad_exact("the Broncos", "Broncos."));
  EXPECT_FALSE(squad_exact("Denver Broncos", "Broncos"));
}

TEST(Squad, F1CountsWordsInCommon) {
  EXPECT_NEAR(squad_f1("Denver Broncos", "the Broncos"), 2.0 / 3, 1e-12);
  EXPECT_NEAR(squad_f1("b b b", "b b c"), 2.0 / 3, 1e-12) << "each as often as it occurs";
  EXPECT_EQ(squad_f1("x", "y"), 0);
  EXPECT_EQ(squad_f1("", ""), 1);
  EXPECT_EQ(squad_f1("the", ""), 1) << "nothing is left of an article";
  EXPECT_EQ(squad_f1("x", ""), 0);
}

TEST(LanguageModels, NatsBecomePerplexityAndBits) {
  EXPECT_NEAR(perplexity(std::log(50)), 50, 1e-9);
  // One byte of eight equally likely: 3 bits.
  EXPECT_NEAR(bits_per_byte(100 * std::log(8), 100), 3, 1e-12);
}

}  // namespace
}  // namespace posbench
