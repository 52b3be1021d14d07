// What each task makes of an example.
#include "dataset_helpers.h"
#include "task/task.h"

namespace posbench {
namespace {
using testing::ElementsAre;

// Knows "a" to "e" and nothing else.
Vocabulary five_letters() {
  Dataset dataset;
  dataset.examples.push_back({{"a", "b", "c", "d", "e"}, {0, 0, 0, 0, 0}, 0});
  const std::vector<std::uint32_t> all = {0};
  return {dataset, all, 64};
}

TEST(Tasks, AreListedAndFound) {
  std::vector<std::string> names;
  for (const TaskAbout& about : tasks()) {
    names.push_back(about.name);
    EXPECT_FALSE(about.about.empty());
    EXPECT_NE(make_task(about.name), nullptr);
  }
  EXPECT_THAT(names, ElementsAre("classification", "tagging"));
  EXPECT_THAT(message_of<UserError>([] { make_task("taging"); }),
              testing::HasSubstr("unknown task 'taging'; did you mean 'tagging'?"));
}

TEST(Tagging, LabelsEveryWord) {
  const Vocabulary vocabulary = five_letters();
  Batch batch;
  const auto task = make_task("tagging");
  task->append({{"b", "A", "e"}, {7, 5, 6}, 0}, vocabulary, find_system("encoder"), 10, batch);
  task->append({{"c"}, {4}, 0}, vocabulary, find_system("encoder"), 10, batch);
  EXPECT_THAT(batch.tokens, ElementsAre(vocabulary.id("b"), vocabulary.id("a"), vocabulary.id("e"),
                                        vocabulary.id("c")));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3, 4));
  EXPECT_THAT(batch.rows, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(batch.labels, ElementsAre(7, 5, 6, 4));
  EXPECT_FALSE(task->by_length());
}

TEST(Tagging, CutsWhatIsTooLong) {
  Batch batch;
  make_task("tagging")->append({{"a", "b", "c", "d"}, {1, 2, 3, 4}, 0}, five_letters(),
                               find_system("encoder"), 3, batch);
  EXPECT_THAT(batch.labels, ElementsAre(1, 2, 3));
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3));
}

TEST(Classification, LabelsTheTokenInFront) {
  const Vocabulary vocabulary = five_letters();
  Batch batch;
  const auto task = make_task("classification");
  task->append({{"b", "a"}, {7}, 0}, vocabulary, find_system("encoder"), 10, batch);
  task->append({{"c"}, {4}, 0}, vocabulary, find_system("encoder"), 10, batch);
  EXPECT_THAT(batch.tokens,
              ElementsAre(Vocabulary::kClassify, vocabulary.id("b"), vocabulary.id("a"),
                          Vocabulary::kClassify, vocabulary.id("c")));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0, 1));
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3, 5));
  EXPECT_THAT(batch.rows, ElementsAre(0, 3));
  EXPECT_THAT(batch.labels, ElementsAre(7, 4));
  EXPECT_TRUE(task->by_length());
}

TEST(Classification, CountsTheTokenInFrontWhenItCuts) {
  Batch batch;
  make_task("classification")
      ->append({{"a", "b", "c"}, {7}, 0}, five_letters(), find_system("encoder"), 3, batch);
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3));
  batch.clear();
  make_task("classification")
      ->append({{"a", "b", "c"}, {7}, 0}, five_letters(), find_system("encoder"), 1, batch);
  EXPECT_THAT(batch.tokens, ElementsAre(Vocabulary::kClassify));
}

TEST(Classification, ReadsTheLastTokenWhereOnlyThatHasSeenAll) {
  const Vocabulary vocabulary = five_letters();
  Batch batch;
  make_task("classification")
      ->append({{"a", "b", "c"}, {7}, 0}, vocabulary, find_system("gpt"), 3, batch);
  EXPECT_THAT(batch.tokens,
              ElementsAre(vocabulary.id("a"), vocabulary.id("b"), Vocabulary::kClassify));
  EXPECT_THAT(batch.rows, ElementsAre(2));
}

TEST(Batches, StandBetweenDelimitersWhereTheSystemHasThem) {
  const Vocabulary vocabulary = five_letters();
  for (const std::string task : {"classification", "tagging"}) {
    const std::vector<std::int32_t> read = task == "tagging" ? std::vector{1, 2} : std::vector{0};
    const std::vector<std::int32_t> labels = task == "tagging" ? std::vector{7, 6} : std::vector{7};
    Batch batch;
    make_task(task)->append({{"a", "b", "c"}, {7, 6, 5}, 0}, vocabulary, find_system("bert"), 4,
                            batch);
    EXPECT_THAT(batch.tokens, ElementsAre(Vocabulary::kClassify, vocabulary.id("a"),
                                          vocabulary.id("b"), Vocabulary::kSeparate));
    EXPECT_EQ(batch.rows, read);
    EXPECT_EQ(batch.labels, labels);
    EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 3));
  }
}

}  // namespace
}  // namespace posbench
