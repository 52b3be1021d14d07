// BERT's rules, word by word, and where each word stands in its text.
#include "dataset/basic_tokens.h"

#include "dataset_helpers.h"

namespace posbench {
namespace {
using testing::ElementsAre;

std::vector<std::string> words(const std::string& text, bool lower) {
  return basic_tokens(text, lower).words;
}

// The examples of BERT's tokenization_test.py.
TEST(BasicTokens, AreThoseOfBert) {
  EXPECT_THAT(words(" \tHeLLo!how  \n Are yoU?  ", true),
              ElementsAre("hello", "!", "how", "are", "you", "?"));
  EXPECT_THAT(words("H\u00E9llo", true), ElementsAre("hello"));
  EXPECT_THAT(words(" \tHeLLo!how  \n Are yoU?  ", false),
              ElementsAre("HeLLo", "!", "how", "Are", "yoU", "?"));
  EXPECT_THAT(words("ah\u535A\u63A8zz", false), ElementsAre("ah", "\u535A", "\u63A8", "zz"));
}

TEST(BasicTokens, PartPunctuationAndSymbols) {
  EXPECT_THAT(words("don't $5.00 a^b", false),
              ElementsAre("don", "'", "t", "$", "5", ".", "00", "a", "^", "b"));
  EXPECT_THAT(words("\u2018so\u2019 \u2014 \u3002", false),
              ElementsAre("\u2018", "so", "\u2019", "\u2014", "\u3002"));
  EXPECT_THAT(words("5\u20AC", false), ElementsAre("5\u20AC")) << "a symbol beyond ASCII parts not";
}

TEST(BasicTokens, DropControlsAndTakeEveryBlank) {
  EXPECT_THAT(words("a\u00A0b\u3000c d\x01\x7F"
                    "e f\u200Bg\uFFFD",
                    false),
              ElementsAre("a", "b", "c", "de", "fg"));
  EXPECT_THAT(words("", true), ElementsAre());
  EXPECT_THAT(words("\u0301", true), ElementsAre()) << "an accent with nothing under it";
}

TEST(BasicTokens, LowerCaseIsUnicodes) {
  EXPECT_THAT(words("\u00C4\u00D6\u00DC \u0416", true), ElementsAre("aou", "\u0436"));
  EXPECT_THAT(words("Ångström", true), ElementsAre("angstrom"));
}

TEST(BasicTokens, KnowWhereTheyStand) {
  const std::string text = "H\u00E9llo, W\u00D6RLD\u200B! \u535A\u63A8";
  for (const bool lower : {false, true}) {
    const Passage passage = basic_tokens(text, lower);
    EXPECT_EQ(passage.text, text);
    ASSERT_EQ(passage.words.size(), passage.ranges.size());
    std::uint32_t before = 0;
    for (std::size_t i = 0; i < passage.words.size(); ++i) {
      const ByteRange range = passage.ranges[i];
      EXPECT_LE(before, range.begin);
      EXPECT_LT(range.begin, range.end);
      before = range.end;
      const std::string piece = text.substr(range.begin, range.end - range.begin);
      EXPECT_EQ(words(piece, lower), std::vector{passage.words[i]});
      if (!lower) {
        EXPECT_EQ(piece, passage.words[i]);
      }
    }
    EXPECT_EQ(before, text.size());
  }
}

}  // namespace
}  // namespace posbench
