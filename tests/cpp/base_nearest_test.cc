#include "base/nearest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace posbench {
namespace {

const std::vector<std::string> kWords = {"learned", "none", "random_frozen", "sinusoid",
                                         "sinusoid_trainable"};

TEST(Nearest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(nearest("lerned", kWords), "learned");     // a letter missing
  EXPECT_EQ(nearest("leaarned", kWords), "learned");   // a letter too many
  EXPECT_EQ(nearest("learnet", kWords), "learned");    // a wrong letter
  EXPECT_EQ(nearest("sinusiod", kWords), "sinusoid");  // two swapped
  EXPECT_EQ(nearest("sinusoid_trainble", kWords), "sinusoid_trainable");
  EXPECT_EQ(nearest("", kWords), "none");  // the shortest
  for (const auto& word : kWords) EXPECT_EQ(nearest(word, kWords), word);
}

// A swap of neighbours counts once, not as two replacements.
TEST(Nearest, SwapIsOneMistake) { EXPECT_EQ(nearest("ab", {"xy", "bax", "ba"}), "ba"); }

TEST(Nearest, TheFirstOfEqualsWinsAndNothingGivesNothing) {
  EXPECT_EQ(nearest("cat", {"bat", "rat"}), "bat");
  EXPECT_EQ(nearest("cat", {}), "");
}

TEST(Nearest, MessageNamesKindWordNearestAndAll) {
  EXPECT_EQ(unknown_word("task", "taging", {"classification", "tagging"}),
            "unknown task 'taging'; did you mean 'tagging'? Known: classification, tagging");
}

}  // namespace
}  // namespace posbench
