// Splits: disjoint, complete, whole documents, the same on every machine.
#include "dataset/split.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <set>

#include "base/sha256.h"
#include "dataset_helpers.h"

namespace posbench {
namespace {

using testing::HasSubstr;

// Documents of 1, 2, 3, 1, 2, 3 … examples; the examples of a document do not stand together.
Dataset made_up(std::uint32_t documents) {
  Dataset data;
  data.name = "made_up";
  for (std::uint32_t round = 0; round < 3; ++round) {
    for (std::uint32_t d = 0; d < documents; ++d) {
      if (round <= d % 3) data.examples.push_back({{"word"}, {0}, d});
    }
  }
  data.documents.assign(documents, "document");
  return data;
}

std::array<std::set<std::uint32_t>, 3> documents_of(const Dataset& data, const Split& split) {
  std::array<std::set<std::uint32_t>, 3> sides;
  for (const auto e : split.train) sides[0].insert(data.examples[e].document);
  for (const auto e : split.dev) sides[1].insert(data.examples[e].document);
  for (const auto e : split.test) sides[2].insert(data.examples[e].document);
  return sides;
}

void expect_proper(const Dataset& data, const Split& split) {
  std::set<std::uint32_t> examples;
  for (const auto* side : {&split.train, &split.dev, &split.test}) {
    examples.insert(side->begin(), side->end());
  }
  EXPECT_EQ(examples.size(), data.examples.size()) << "every example is somewhere";
  EXPECT_EQ(split.train.size() + split.dev.size() + split.test.size(), data.examples.size())
      << "and nowhere twice";
  const auto [train, dev, test] = documents_of(data, split);
  EXPECT_EQ(train.size() + dev.size() + test.size(), data.documents.size())
      << "no document lies on two sides";
  EXPECT_EQ(dev.size(), test.size());
  EXPECT_NEAR(static_cast<double>(test.size()), 0.1 * static_cast<double>(data.documents.size()),
              1);
}

std::string digest(const Split& split) {
  return sha256(fmt::format("{}\n{}\n{}\n", fmt::join(split.train, " "), fmt::join(split.dev, " "),
                            fmt::join(split.test, " ")));
}

TEST(Split, KeepsDocumentsWhole) {
  for (const std::uint32_t documents : {3U, 4U, 10U, 14U, 15U, 101U}) {
    const Dataset data = made_up(documents);
    for (int index = 0; index < kSplits; ++index) {
      expect_proper(data, split_documents(data, index));
    }
  }
}

TEST(Split, OrdersExamplesByDocument) {
  const Dataset data = made_up(50);
  const Split split = split_documents(data, 2);
  for (std::size_t i = 1; i < split.train.size(); ++i) {
    const auto before = split.train[i - 1], after = split.train[i];
    EXPECT_LT(std::pair(data.examples[before].document, before),
              std::pair(data.examples[after].document, after));
  }
}

TEST(Split, TenSplitsDiffer) {
  const Dataset data = made_up(100);
  std::set<std::string> digests;
  for (int index = 0; index < kSplits; ++index)
    digests.insert(digest(split_documents(data, index)));
  EXPECT_EQ(digests.size(), kSplits);
}

// Computed by an independent program in Python from what src/base/random.h and split.h say.
// A change here makes every accuracy record of the past incomparable. Do not make it lightly.
TEST(Split, IsTheSameForever) {
  EXPECT_EQ(digest(split_documents(made_up(100), 0)),
            "b138d5cf60af7a3c508b7d9d2af833fe8598cbaf5a3f6ff808a94f23f8d227da");
}

TEST(Split, KeepsTheSidesOfTheSource) {
  Dataset data = made_up(30);
  data.sides.assign(30, Side::train);
  for (std::size_t d = 20; d < 30; ++d) data.sides[d] = Side::test;
  const std::set<std::uint32_t> last = {20, 21, 22, 23, 24, 25, 26, 27, 28, 29};
  std::set<std::set<std::uint32_t>> developments;
  for (int index = 0; index < kSplits; ++index) {
    const auto [train, dev, test] = documents_of(data, split_documents(data, index));
    EXPECT_EQ(test, last);
    EXPECT_EQ(dev.size(), 2) << "a tenth of the 20 that are left";
    EXPECT_EQ(train.size(), 18);
    developments.insert(dev);
  }
  EXPECT_GT(developments.size(), 1);
  data.sides[3] = Side::dev;
  for (int index = 0; index < kSplits; ++index) {
    const auto [train, dev, test] = documents_of(data, split_documents(data, index));
    EXPECT_EQ(dev, std::set<std::uint32_t>{3});
    EXPECT_EQ(train.size(), 19);
    EXPECT_EQ(test, last);
  }
}

TEST(Split, LongerTextsAreATestSideOfTheirOwn) {
  Dataset data = made_up(12);
  data.sides.assign(12, Side::any);
  data.sides[4] = data.sides[7] = Side::longer;
  data.documents[7] = "twice as long";
  const Split split = split_documents(data, 0);
  ASSERT_EQ(split.longer.size(), 2);
  EXPECT_EQ(split.longer[1].name, "twice as long");
  for (const auto e : split.longer[1].examples) EXPECT_EQ(data.examples[e].document, 7);
  EXPECT_EQ(split.longer[1].examples.size(), 2) << "document 7 has two examples";
  for (const auto& side : documents_of(data, split)) {
    EXPECT_FALSE(side.contains(4) || side.contains(7));
  }
}

TEST(Split, RefusesWhatCannotBeSplit) {
  EXPECT_THAT(message_of<UserError>([] { split_documents(made_up(100), 10); }),
              HasSubstr("no split 10; there are 0 to 9"));
  EXPECT_THAT(message_of<UserError>([] { split_documents(made_up(100), -1); }),
              HasSubstr("no split -1"));
  EXPECT_THAT(message_of<UserError>([] { split_documents(made_up(2), 0); }),
              HasSubstr("made_up has 2 documents"));
  Dataset tested = made_up(2);
  tested.sides = {Side::train, Side::test};
  EXPECT_THAT(message_of<UserError>([&] { split_documents(tested, 0); }),
              HasSubstr("has 1 documents to split; training, development and test sides need 2"));
}

TEST(RealData, SplitsOfBrown) {
  LOAD_OR_SKIP(data, "brown_pos");
  expect_proper(data, split_documents(data, 3));
  EXPECT_EQ(digest(split_documents(data, 0)),
            "f448a12b42b7cd832ef5294dfe2156d9224aed1e96de00d3a65010b63b033fb0");
}

TEST(RealData, SplitsOfWordNet) {
  LOAD_OR_SKIP(data, "wordnet_gloss");
  expect_proper(data, split_documents(data, 3));
  EXPECT_EQ(digest(split_documents(data, 0)),
            "71358a72f9616e235b054bc06f86567caf9128a9e1347e688f4d5fceae5af4e4");
}

}  // namespace
}  // namespace posbench
