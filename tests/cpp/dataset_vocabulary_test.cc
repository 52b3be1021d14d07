#include "dataset/vocabulary.h"

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

// 26 frequent words fill the 32 − 2 entries for words; the others are left to the two endings.
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

TEST(Vocabulary, StartsWithTheSpecials) {
  const Dataset data = alphabet();
  const Vocabulary vocabulary(data, all_of(data), 32);
  EXPECT_EQ(vocabulary.entry(Vocabulary::kPad), "[PAD]");
  EXPECT_EQ(vocabulary.entry(Vocabulary::kUnknown), "[UNK]");
  EXPECT_EQ(vocabulary.entry(Vocabulary::kClassify), "[CLS]");
  EXPECT_EQ(vocabulary.entry(Vocabulary::kSeparate), "[SEP]");
  EXPECT_EQ(vocabulary.entry(Vocabulary::kSpecials), "aaa") << "ties go by the bytes of the word";
}

TEST(Vocabulary, CountsEverythingInItsSize) {
  const Dataset data = alphabet();
  for (const std::size_t size : {32U, 34U, 48U, 1000U}) {
    const Vocabulary vocabulary(data, all_of(data), size);
    EXPECT_LE(vocabulary.size(), size);
    for (const auto& example : data.examples) {
      const auto id = vocabulary.id(example.words[0]);
      EXPECT_GE(id, 0);
      EXPECT_LT(id, static_cast<std::int32_t>(vocabulary.size()));
    }
  }
  EXPECT_EQ(Vocabulary(data, all_of(data), 32).size(), 32);
}

TEST(Vocabulary, UnknownWordsFallToTheirEnding) {
  const Dataset data = alphabet();
  const Vocabulary vocabulary(data, all_of(data), 32);
  EXPECT_EQ(vocabulary.entry(vocabulary.id("singing")), "*ing");
  EXPECT_EQ(vocabulary.entry(vocabulary.id("walking")), "*ing")
      << "too rare for an entry of its own";
  EXPECT_EQ(vocabulary.entry(vocabulary.id("2026")), "*000") << "digits count as 0";
  EXPECT_EQ(vocabulary.id("ing"), Vocabulary::kUnknown) << "three letters have no ending";
  EXPECT_EQ(vocabulary.id("rarely"), Vocabulary::kUnknown) << "*ely is too rare";
  EXPECT_EQ(vocabulary.id(""), Vocabulary::kUnknown);
}

TEST(Vocabulary, EndingsAreCodePointsNotBytes) {
  Dataset data = alphabet();
  for (int i = 0; i < 12; ++i)
    add(data, "caf\u00e9\u00e9" + std::string(1, static_cast<char>('a' + i)), 1);
  add(data, "gr\u00f6\u00dfer", 40);
  const Vocabulary vocabulary(data, all_of(data), 64);
  EXPECT_EQ(vocabulary.entry(vocabulary.id("gr\u00f6\u00dfer")), "gr\u00f6\u00dfer");
  EXPECT_NE(vocabulary.id("caf\u00e9\u00e9a"), Vocabulary::kUnknown);
}

TEST(Vocabulary, CaseDoesNotCount) {
  const Dataset data = alphabet();
  const Vocabulary vocabulary(data, all_of(data), 32);
  EXPECT_EQ(vocabulary.id("AaA"), vocabulary.id("aaa"));
}

TEST(Vocabulary, SeesTheTrainingSideOnly) {
  Dataset data = alphabet();
  const auto training = all_of(data);
  add(data, "leaked", 1000);
  EXPECT_EQ(Vocabulary(data, training, 32).digest(), Vocabulary(alphabet(), training, 32).digest());
}

TEST(Vocabulary, DoesNotDependOnTheOrderOfExamples) {
  const Dataset data = alphabet();
  auto training = all_of(data);
  const std::string digest = Vocabulary(data, training, 48).digest();
  std::reverse(training.begin(), training.end());
  EXPECT_EQ(Vocabulary(data, training, 48).digest(), digest);
}

TEST(Vocabulary, RefusesATinySize) {
  const Dataset data = alphabet();
  EXPECT_THAT(message_of<UserError>([&] { Vocabulary(data, all_of(data), 8); }),
              HasSubstr("a vocabulary of 8 entries is too small"));
}

TEST(RealData, VocabularyOfBrownKnowsNearlyEveryTestWord) {
  LOAD_OR_SKIP(data, "brown_pos");
  const Split split = split_documents(data, 0);
  const Vocabulary vocabulary(data, split.train, 8192);
  EXPECT_EQ(vocabulary.size(), 8192);
  std::size_t words = 0, unknown = 0;
  for (const auto example : split.test) {
    for (const auto& word : data.examples[example].words) {
      ++words;
      unknown += vocabulary.id(word) == Vocabulary::kUnknown ? 1U : 0U;
    }
  }
  EXPECT_LT(static_cast<double>(unknown), 0.03 * static_cast<double>(words));
}

}  // namespace
}  // namespace posbench
