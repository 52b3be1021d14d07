// Whole words as tokens, with endings or with features.
#include "dataset/word_tokenizer.h"

#include <numeric>

#include "dataset/split.h"
#include "dataset_helpers.h"

namespace posbench {
namespace {

using testing::HasSubstr;

// `frequency` examples of one word each.
void add(Dataset& data, const std::string& word, int frequency) {
  for (int i = 0; i < frequency; ++i) data.examples.push_back({{word}, {0}, 0});
}

std::vector<std::uint32_t> all_of(const Dataset& data) {
  std::vector<std::uint32_t> indices(data.examples.size());
  std::iota(indices.begin(), indices.end(), 0U);
  return indices;
}

// 25 of the frequent words fill the 32 − 2 entries for words; the others are left to the two
// endings.
Dataset alphabet() {
  Dataset data;
  for (char c = 'a'; c <= 'z'; ++c) add(data, std::string(3, c), 30);
  add(data, "walking", 6);
  add(data, "TALKING", 6);
  add(data, "in1961", 9);
  add(data, "in1962", 9);
  add(data, "rarely", 9);
  return data;
}

TEST(WordTokenizer, StartsWithTheSpecials) {
  const Dataset data = alphabet();
  const WordTokenizer vocabulary(data, all_of(data), 32);
  EXPECT_EQ(vocabulary.entry(kSpecialTokens.pad), "[PAD]");
  EXPECT_EQ(vocabulary.entry(kSpecialTokens.unknown), "[UNK]");
  EXPECT_EQ(vocabulary.entry(kSpecialTokens.classify), "[CLS]");
  EXPECT_EQ(vocabulary.entry(kSpecialTokens.separate), "[SEP]");
  EXPECT_EQ(vocabulary.entry(kSpecialTokens.mask), "[MASK]");
  EXPECT_EQ(vocabulary.entry(5), "aaa") << "ties go by the bytes of the word";
}

TEST(WordTokenizer, CountsEverythingInItsSize) {
  const Dataset data = alphabet();
  for (const std::size_t size : {32U, 34U, 48U, 1000U}) {
    const WordTokenizer vocabulary(data, all_of(data), size);
    EXPECT_LE(vocabulary.size(), size);
    for (const auto& example : data.examples) {
      const auto id = vocabulary.id(example.words[0]);
      EXPECT_GE(id, 0);
      EXPECT_LT(id, static_cast<std::int32_t>(vocabulary.size()));
    }
  }
  EXPECT_EQ(WordTokenizer(data, all_of(data), 32).size(), 32);
}

TEST(WordTokenizer, UnknownWordsFallToTheirEnding) {
  const Dataset data = alphabet();
  const WordTokenizer vocabulary(data, all_of(data), 32);
  EXPECT_EQ(vocabulary.entry(vocabulary.id("singing")), "*ing");
  EXPECT_EQ(vocabulary.entry(vocabulary.id("walking")), "*ing")
      << "too rare for an entry of its own";
  EXPECT_EQ(vocabulary.entry(vocabulary.id("2026")), "*000") << "digits count as 0";
  EXPECT_EQ(vocabulary.id("ing"), kSpecialTokens.unknown) << "three letters have no ending";
  EXPECT_EQ(vocabulary.id("rarely"), kSpecialTokens.unknown) << "*ely is too rare";
  EXPECT_EQ(vocabulary.id(""), kSpecialTokens.unknown);
}

TEST(WordTokenizer, EndingsAreCodePointsNotBytes) {
  Dataset data = alphabet();
  for (int i = 0; i < 12; ++i)
    add(data, "caf\u00e9\u00e9" + std::string(1, static_cast<char>('a' + i)), 1);
  add(data, "gr\u00f6\u00dfer", 40);
  const WordTokenizer vocabulary(data, all_of(data), 64);
  EXPECT_EQ(vocabulary.entry(vocabulary.id("gr\u00f6\u00dfer")), "gr\u00f6\u00dfer");
  EXPECT_NE(vocabulary.id("caf\u00e9\u00e9a"), kSpecialTokens.unknown);
}

TEST(WordTokenizer, CaseDoesNotCount) {
  const Dataset data = alphabet();
  const WordTokenizer vocabulary(data, all_of(data), 32);
  EXPECT_EQ(vocabulary.id("AaA"), vocabulary.id("aaa"));
}

TEST(WordTokenizer, SeesTheTrainingSideOnly) {
  Dataset data = alphabet();
  const auto training = all_of(data);
  add(data, "leaked", 1000);
  EXPECT_EQ(WordTokenizer(data, training, 32).digest(),
            WordTokenizer(alphabet(), training, 32).digest());
}

TEST(WordTokenizer, DoesNotDependOnTheOrderOfExamples) {
  const Dataset data = alphabet();
  auto training = all_of(data);
  const std::string digest = WordTokenizer(data, training, 48).digest();
  std::reverse(training.begin(), training.end());
  EXPECT_EQ(WordTokenizer(data, training, 48).digest(), digest);
}

TEST(WordTokenizer, RefusesATinySize) {
  const Dataset data = alphabet();
  EXPECT_THAT(message_of<UserError>([&] { WordTokenizer(data, all_of(data), 8); }),
              HasSubstr("a vocabulary of 8 entries is too small"));
}

TEST(FeatureTokenizer, GivesWordsTheirEndingBeginningAndShape) {
  const Dataset data = alphabet();
  const FeatureTokenizer tokenizer(data, all_of(data), 64);
  std::vector<std::int32_t> features;
  tokenizer.append_features("Walking", features);
  ASSERT_EQ(features.size(), 3u);
  EXPECT_EQ(tokenizer.entry(features[0]), "*ing");
  EXPECT_EQ(features[1], -1) << "wal* stands there six times only";
  EXPECT_EQ(features[2], -1) << "and no capital in front";
  features.clear();
  tokenizer.append_features("in1961", features);
  EXPECT_EQ(tokenizer.entry(features[0]), "*000") << "digits count as 0";
  EXPECT_EQ(tokenizer.entry(features[1]), "in0*");
  EXPECT_EQ(tokenizer.entry(features[2]), "^xx00");
  features.clear();
  tokenizer.append_features("aaa", features);
  EXPECT_THAT(features, testing::ElementsAre(-1, -1, testing::Ge(0)));
}

TEST(FeatureTokenizer, TokensStandBeforeFeatures) {
  const Dataset data = alphabet();
  for (const std::size_t size : {32U, 40U, 64U, 1000U}) {
    const FeatureTokenizer tokenizer(data, all_of(data), size);
    EXPECT_LE(tokenizer.size(), size);
    EXPECT_LE(tokenizer.tokens(), size - size / 4);
    for (const auto& example : data.examples) {
      std::vector<std::int32_t> tokens, features;
      tokenizer.append(example.words[0], tokens);
      tokenizer.append_features(example.words[0], features);
      EXPECT_THAT(tokens,
                  testing::ElementsAre(testing::Lt(static_cast<std::int32_t>(tokenizer.tokens()))));
      for (const std::int32_t feature : features) {
        if (feature == -1) continue;
        EXPECT_GE(feature, static_cast<std::int32_t>(tokenizer.tokens()));
        EXPECT_LT(feature, static_cast<std::int32_t>(tokenizer.size()));
      }
    }
  }
}

TEST(FeatureTokenizer, AWordThatLooksLikeAFeatureIsAWord) {
  Dataset data = alphabet();
  add(data, "*ing", 100);
  const FeatureTokenizer tokenizer(data, all_of(data), 128);
  std::vector<std::int32_t> tokens, features;
  tokenizer.append("*ing", tokens);
  tokenizer.append_features("walking", features);
  EXPECT_EQ(tokenizer.entry(tokens[0]), "*ing");
  EXPECT_EQ(features[0], -1);
}

// Of one, ^xx is the shape of aaa; of the other it is a rare word, and the shape does without.
TEST(FeatureTokenizer, TheDigestKnowsWordsFromFeatures) {
  Dataset with_shape, with_word;
  add(with_shape, "aaa", 10);
  add(with_word, "aaa", 10);
  add(with_word, "^xx", 1);
  const FeatureTokenizer shape(with_shape, all_of(with_shape), 32);
  const FeatureTokenizer word(with_word, all_of(with_word), 32);
  ASSERT_EQ(shape.size(), word.size());
  for (std::int32_t id = 0; id < 7; ++id) EXPECT_EQ(shape.entry(id), word.entry(id));
  EXPECT_NE(shape.digest(), word.digest());
}

TEST(RealData, VocabularyOfBrownKnowsNearlyEveryTestWord) {
  LOAD_OR_SKIP(data, "brown_pos");
  const Split split = split_documents(data, 0);
  const WordTokenizer vocabulary(data, split.train, 8192);
  EXPECT_EQ(vocabulary.size(), 8192);
  std::size_t words = 0, unknown = 0;
  for (const auto example : split.test) {
    for (const auto& word : data.examples[example].words) {
      ++words;
      unknown += vocabulary.id(word) == kSpecialTokens.unknown ? 1U : 0U;
    }
  }
  EXPECT_LT(static_cast<double>(unknown), 0.03 * static_cast<double>(words));
}

}  // namespace
}  // namespace posbench
