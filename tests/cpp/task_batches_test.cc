// What each task makes of an example.
#include "dataset/word_tokenizer.h"
#include "dataset_helpers.h"
#include "task/baselines.h"
#include "task/language.h"
#include "task/span.h"
#include "task/task.h"

namespace posbench {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Knows "a" to "e" and nothing else.
class Batches : public testing::Test {
 protected:
  Batches() {
    data_.examples.push_back({{"a", "b", "c", "d", "e"}, {0, 0, 0, 0, 0}});
    tokenizer_ = make_tokenizer({"words", 64, ""}, data_, std::vector<std::uint32_t>{0});
  }

  void append(const std::string& task, const Example& example, int max_length,
              const std::string& system = "encoder", double token_dropout = 0) {
    const TextContext text{data_, *tokenizer_, find_system(system), max_length, token_dropout};
    make_task(task)->append(example, text, noise_, batch_);
  }
  std::int32_t id(const std::string& word) const {
    std::vector<std::int32_t> tokens;
    tokenizer_->append(word, tokens);
    return tokens.at(0);
  }

  Dataset data_;
  std::unique_ptr<Tokenizer> tokenizer_;
  Random noise_{1, "noise"};
  Batch batch_;
  static constexpr std::int32_t kClassify = kSpecialTokens.classify;
  static constexpr std::int32_t kSeparate = kSpecialTokens.separate;
};

TEST(Tasks, AreListedAndFound) {
  std::vector<std::string> names;
  for (const TaskAbout& about : tasks()) {
    names.push_back(about.name);
    EXPECT_FALSE(about.about.empty());
    EXPECT_NE(make_task(about.name), nullptr);
  }
  EXPECT_THAT(names, ElementsAre("causal_lm", "classification", "masked_lm", "span_qa", "tagging"));
  EXPECT_THAT(message_of<UserError>([] { make_task("taging"); }),
              HasSubstr("unknown task 'taging'; did you mean 'tagging'?"));
}

TEST_F(Batches, TaggingLabelsEveryWord) {
  append("tagging", {{"b", "A", "e"}, {7, 5, 6}}, 10);
  append("tagging", {{"c", "d"}, {4, kNoLabel}}, 10);
  EXPECT_THAT(batch_.tokens, ElementsAre(id("b"), id("a"), id("e"), id("c"), id("d")));
  EXPECT_THAT(batch_.positions, ElementsAre(0, 1, 2, 0, 1));
  EXPECT_THAT(batch_.offsets, ElementsAre(0, 3, 5));
  EXPECT_THAT(batch_.rows, ElementsAre(0, 1, 2, 3)) << "d has no label";
  EXPECT_THAT(batch_.labels, ElementsAre(7, 5, 6, 4));
  EXPECT_FALSE(make_task("tagging")->by_length());
}

TEST_F(Batches, TaggingCutsWhatIsTooLong) {
  append("tagging", {{"a", "b", "c", "d"}, {1, 2, 3, 4}}, 3);
  EXPECT_THAT(batch_.labels, ElementsAre(1, 2, 3));
  EXPECT_THAT(batch_.offsets, ElementsAre(0, 3));
}

TEST_F(Batches, ClassificationLabelsTheTokenInFront) {
  append("classification", {{"b", "a"}, {7}}, 10);
  append("classification", {{"c"}, {4}}, 10);
  EXPECT_THAT(batch_.tokens, ElementsAre(kClassify, id("b"), id("a"), kClassify, id("c")));
  EXPECT_THAT(batch_.positions, ElementsAre(0, 1, 2, 0, 1));
  EXPECT_THAT(batch_.offsets, ElementsAre(0, 3, 5));
  EXPECT_THAT(batch_.rows, ElementsAre(0, 3));
  EXPECT_THAT(batch_.labels, ElementsAre(7, 4));
  EXPECT_TRUE(make_task("classification")->by_length());
}

TEST_F(Batches, ClassificationCountsTheTokenInFrontWhenItCuts) {
  append("classification", {{"a", "b", "c"}, {7}}, 3);
  EXPECT_THAT(batch_.offsets, ElementsAre(0, 3));
  batch_.clear();
  append("classification", {{"a", "b", "c"}, {7}}, 1);
  EXPECT_THAT(batch_.tokens, ElementsAre(kClassify));
}

TEST_F(Batches, ClassificationReadsTheLastTokenWhereOnlyThatHasSeenAll) {
  append("classification", {{"a", "b", "c"}, {7}}, 3, "gpt");
  EXPECT_THAT(batch_.tokens, ElementsAre(id("a"), id("b"), kClassify));
  EXPECT_THAT(batch_.rows, ElementsAre(2));
}

TEST_F(Batches, StandBetweenDelimitersWhereTheSystemHasThem) {
  for (const std::string task : {"classification", "tagging"}) {
    const bool tags = task == "tagging";
    batch_.clear();
    append(task, {{"a", "b", "c"}, {7, 6, 5}}, 4, "bert");
    EXPECT_THAT(batch_.tokens, ElementsAre(kClassify, id("a"), id("b"), kSeparate));
    EXPECT_EQ(batch_.rows, tags ? (std::vector<std::int32_t>{1, 2}) : std::vector<std::int32_t>{0});
    EXPECT_EQ(batch_.labels,
              tags ? (std::vector<std::int32_t>{7, 6}) : std::vector<std::int32_t>{7});
    EXPECT_THAT(batch_.positions, ElementsAre(0, 1, 2, 3));
  }
}

// A word of three pieces has one label, at its first.
TEST_F(Batches, PiecesFollowTheFirstOfTheirWord) {
  tokenizer_ = make_tokenizer({"bpe", 16, ""}, data_, std::vector<std::uint32_t>{0});
  append("tagging", {{"ab", "c"}, {7, 5}}, 10);
  ASSERT_EQ(batch_.size(), 5u);  // a b </w> c </w>
  EXPECT_THAT(batch_.rows, ElementsAre(0, 3));
  batch_.clear();
  append("tagging", {{"ab", "c"}, {7, 5}}, 4);
  EXPECT_THAT(batch_.offsets, ElementsAre(0, 3)) << "half a word is none";
}

TEST_F(Batches, FeaturesStandAtWordsAlone) {
  for (int i = 0; i < 20; ++i) data_.examples.push_back({{"walking"}, {0}});
  std::vector<std::uint32_t> all(data_.examples.size());
  for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
  tokenizer_ = make_tokenizer({"word_features", 64, ""}, data_, all);
  append("classification", {{"walking", "a"}, {1}}, 10);
  ASSERT_EQ(batch_.features.size(), 9u);
  EXPECT_THAT(std::vector(batch_.features.begin(), batch_.features.begin() + 3),
              ElementsAre(-1, -1, -1))
      << "[CLS] has none";
  EXPECT_EQ(tokenizer_->entry(batch_.features[3]), "*ing");
}

TEST_F(Batches, DroppedWordsAreUnknown) {
  std::vector<std::string> words(4000, "a");
  append("tagging", {words, std::vector<std::int32_t>(4000, 0)}, 4000, "encoder", 0.25);
  const auto hidden =
      std::count(batch_.tokens.begin(), batch_.tokens.end(), kSpecialTokens.unknown);
  EXPECT_NEAR(static_cast<double>(hidden), 1000, 140);  // five deviations
  EXPECT_EQ(batch_.rows.size(), 4000u);
}

Example asked() {
  const auto passage = std::make_shared<Passage>(
      Passage{"a, b c", {"a", ",", "b", "c"}, {{0, 1}, {1, 2}, {3, 4}, {5, 6}}});
  return {{"d"}, {}, 0, passage, {{2, 3, "b c"}}};
}

TEST_F(Batches, SpanQaAsksAboutThePassage) {
  append("span_qa", asked(), 20, "bert");
  append("span_qa", asked(), 20, "bert");
  const std::int32_t unknown = kSpecialTokens.unknown;  // the comma
  EXPECT_THAT(
      std::vector(batch_.tokens.begin(), batch_.tokens.begin() + 8),
      ElementsAre(kClassify, id("d"), kSeparate, id("a"), unknown, id("b"), id("c"), kSeparate));
  EXPECT_THAT(std::vector(batch_.segments.begin(), batch_.segments.begin() + 8),
              ElementsAre(0, 0, 0, 1, 1, 1, 1, 1));
  EXPECT_THAT(batch_.rows, ElementsAre(0, 3, 4, 5, 6, 8, 11, 12, 13, 14));
  EXPECT_THAT(batch_.spans, ElementsAre(3, 4, 8, 9)) << "among the rows, [CLS] in front";
  EXPECT_THAT(batch_.labels, IsEmpty());
  EXPECT_THAT(batch_.positions[8], 0);
}

TEST_F(Batches, SpanQaPointsAtTheFrontForNoAnswer) {
  Example none = asked();
  none.answers.clear();
  append("span_qa", none, 20);
  EXPECT_THAT(batch_.spans, ElementsAre(0, 0));
  EXPECT_THAT(batch_.segments, IsEmpty()) << "the plain encoder has none";
  batch_.clear();
  append("span_qa", asked(), 6);  // [CLS] d [SEP] a , b
  EXPECT_THAT(batch_.spans, ElementsAre(0, 0)) << "the answer is cut off";
}

TEST(Spans, TheBestSumWins) {
  // [CLS] and three words: start logits, end logits.
  const std::vector<float> logits = {9, 9, 1, 0, 5, 1, 2, 4};
  EXPECT_EQ(best_span(logits.data(), 4, false).first, 1);
  EXPECT_EQ(best_span(logits.data(), 4, false).last, 2);
  EXPECT_EQ(best_span(logits.data(), 4, true).first, -1);
  // An end before the start is none.
  const std::vector<float> crossed = {0, 0, 0, 9, 9, 0};
  const SpanGuess guess = best_span(crossed.data(), 3, false);
  EXPECT_EQ(guess.first, guess.last);
  EXPECT_EQ(best_span(logits.data(), 1, false).first, -1) << "a passage without words";
}

TEST(Spans, AreScoredByTheirBestAnswer) {
  Example example = asked();
  example.answers.push_back({1, 2, ", b"});
  EXPECT_EQ(span_text(*example.passage, 0, 2), "a, b");
  EXPECT_TRUE(score_span(example, 0, 2).exact) << "articles and punctuation are no matter";
  EXPECT_TRUE(score_span(example, 2, 3).exact);
  EXPECT_NEAR(score_span(example, 3, 3).f1, 2.0 / 3, 1e-12);
  EXPECT_FALSE(score_span(example, -1, -1).exact);
  example.answers.clear();
  EXPECT_TRUE(score_span(example, -1, -1).exact);
  EXPECT_EQ(score_span(example, 2, 2).f1, 0);
}

TEST_F(Batches, MaskedLmHidesFifteenPercentAsBertDoes) {
  std::vector<std::string> words;
  for (int i = 0; i < 20000; ++i) words.emplace_back(1, static_cast<char>('a' + i % 5));
  append("masked_lm", {words, {}}, 20000);
  std::size_t masked = 0, kept = 0, other = 0;
  for (std::size_t r = 0; r < batch_.rows.size(); ++r) {
    const auto at = static_cast<std::size_t>(batch_.rows[r]);
    const std::int32_t read = batch_.tokens[at];
    EXPECT_EQ(batch_.labels[r], id(words[at])) << "the word itself is asked for";
    if (read == kSpecialTokens.mask) {
      ++masked;
    } else if (read == batch_.labels[r]) {
      ++kept;
    } else {
      ++other;
    }
  }
  const auto asked_for = static_cast<double>(batch_.rows.size());
  EXPECT_NEAR(asked_for, 3000, 260);  // five deviations
  // A random token is [MASK] or the word itself once in ten each: there are ten entries.
  EXPECT_NEAR(static_cast<double>(masked) / asked_for, 0.81, 0.04);
  EXPECT_NEAR(static_cast<double>(kept) / asked_for, 0.11, 0.03);
  EXPECT_NEAR(static_cast<double>(other) / asked_for, 0.08, 0.03);
  std::size_t unasked = 0;
  for (std::size_t t = 0; t < words.size(); ++t) {
    const bool is_asked =
        std::binary_search(batch_.rows.begin(), batch_.rows.end(), static_cast<std::int32_t>(t));
    if (!is_asked) {
      EXPECT_EQ(batch_.tokens[t], id(words[t]));
      ++unasked;
    }
  }
  EXPECT_EQ(unasked + batch_.rows.size(), words.size());
}

TEST_F(Batches, MaskedLmAsksSomethingOfEveryRow) {
  for (int i = 0; i < 100; ++i) {
    const std::size_t before = batch_.rows.size();
    append("masked_lm", {{"a"}, {}}, 8);
    EXPECT_EQ(batch_.rows.size(), before + 1);
  }
}

TEST_F(Batches, CausalLmAsksForTheNextToken) {
  append("causal_lm", {{"b", "a", kSentenceEnd}, {}}, 8, "gpt");
  EXPECT_THAT(batch_.tokens, ElementsAre(kClassify, id("b"), id("a")));
  EXPECT_THAT(batch_.labels, ElementsAre(id("b"), id("a"), kSeparate));
  EXPECT_THAT(batch_.rows, ElementsAre(0, 1, 2));
  EXPECT_THAT(
      message_of<UserError>([] { make_task("causal_lm")->require_possible(find_system("bert")); }),
      HasSubstr("task causal_lm needs a system whose queries see no later key"));
}

class Rows : public testing::Test {
 protected:
  Rows() {
    // Three documents of two sentences of two words, and a fourth for the test.
    for (std::uint32_t document = 0; document < 4; ++document) {
      for (int s = 0; s < 2; ++s) {
        const std::string name = std::to_string(document) + std::to_string(s);
        data.examples.push_back({{"x" + name, "y" + name}, {}, document});
        auto& side = document < 3 ? split.train : split.test;
        side.push_back(static_cast<std::uint32_t>(data.examples.size()) - 1);
      }
    }
    tokenizer = make_tokenizer({"words", 64, ""}, data, split.train);
  }
  std::vector<std::string> text(const std::vector<std::uint32_t>& side) const {
    std::vector<std::string> all;
    for (const std::uint32_t row : side) {
      for (const auto& word : data.examples[row].words) all.push_back(word);
    }
    return all;
  }

  Dataset data;
  Split split;
  std::unique_ptr<Tokenizer> tokenizer;
};

TEST_F(Rows, HoldRunningTextOfOneDocument) {
  make_rows(data, split, *tokenizer, {4, 4, "documents"});
  // Six tokens a document, its ends of sentences included: a row of four, a row of two.
  EXPECT_EQ(split.train.size(), 6u);
  EXPECT_EQ(split.test.size(), 2u);
  EXPECT_THAT(data.examples[0].words, ElementsAre("x00", "y00", kSentenceEnd, "x01"));
  EXPECT_THAT(data.examples[1].words, ElementsAre("y01", kSentenceEnd));
  EXPECT_EQ(data.examples[2].document, 1u);
  EXPECT_THAT(text(split.test), ElementsAre("x30", "y30", "", "x31", "y31", ""));
  EXPECT_EQ(text_bytes(data.examples[0]), 12u) << "three words and what stands behind each";
}

TEST_F(Rows, RunOnThroughShuffledSentences) {
  make_rows(data, split, *tokenizer, {4, 4, "shuffled"});
  EXPECT_EQ(split.train.size(), 5u) << "18 tokens in rows of four";
  auto words = text(split.train);
  EXPECT_NE(words[0], "x00");
  for (std::size_t i = 0; i < words.size(); i += 3) {
    EXPECT_EQ(words[i].substr(1), words[i + 1].substr(1)) << "sentences stay whole";
    EXPECT_EQ(words[i + 2], kSentenceEnd);
  }
  EXPECT_THAT(message_of<UserError>([&] {
                make_rows(data, split, *tokenizer, {4, 4, "shuffle"});
              }),
              HasSubstr("unknown stream 'shuffle'; did you mean 'shuffled'?"));
}

TEST_F(Rows, TestTextComesAgainInLongerRows) {
  make_rows(data, split, *tokenizer, {4, 8, "documents"});
  std::vector<std::string> names;
  for (const NamedExamples& longer : split.longer) {
    names.push_back(longer.name);
    EXPECT_EQ(text(longer.examples), text(split.test)) << longer.name;
  }
  EXPECT_THAT(names, ElementsAre("test 1.25x", "test 1.5x", "test 2x"));
  EXPECT_EQ(data.examples[split.longer[0].examples[0]].words.size(), 5u);
  EXPECT_EQ(split.longer[1].examples.size(), 1u) << "six tokens in a row of six";
}

Dataset tagged() {
  Dataset data;
  data.labels = {"jj", "nn", "vb"};
  data.examples = {{{"run", "Run", "run", "big"}, {2, 1, 2, 0}},
                   {{"tie", "tie", "run"}, {2, 1, kNoLabel}},
                   {{"RUN", "tie", "new", "big"}, {2, 2, 1, 1}}};
  return data;
}

std::vector<std::int32_t> guesses(const std::vector<Unit>& units) {
  std::vector<std::int32_t> all;
  for (const Unit& unit : units) all.push_back(unit.guess);
  return all;
}

TEST(Baselines, GuessByHand) {
  const Dataset data = tagged();
  const std::vector<std::uint32_t> training = {0, 1}, all = {2};
  EXPECT_THAT(guesses(answer_by_baseline("frequent_tag", "tagging", data, training, all)),
              ElementsAre(2, 2, 1, 0))
      << "a tie goes to what came first, the unknown to nn";
  const auto majority = answer_by_baseline("majority", "tagging", data, training, all);
  EXPECT_THAT(guesses(majority), ElementsAre(2, 2, 2, 2));
  EXPECT_TRUE(majority[0].correct);
  EXPECT_FALSE(majority[2].correct);
}

TEST(Baselines, BagOfWordsLearnsWhichWordsTell) {
  Dataset data;
  data.labels = {"bad", "good", "so"};
  std::vector<std::uint32_t> training, asked;
  Random random(1, "bags");
  for (std::uint32_t i = 0; i < 300; ++i) {
    const auto label = static_cast<std::int32_t>(i % 3);
    std::vector<std::string> words = {"w" + std::to_string(random.below(5)),
                                      "Tells" + std::to_string(label)};
    if (random.below(2) == 1) std::swap(words[0], words[1]);
    data.examples.push_back({words, {label}});
    (i < 200 ? training : asked).push_back(i);
  }
  for (const Unit& unit :
       answer_by_baseline("bag_of_words", "classification", data, training, asked)) {
    EXPECT_TRUE(unit.correct);
  }
}

TEST(Baselines, FirstOccurrenceTakesWhatWasAnAnswer) {
  Dataset data;
  data.examples = {asked(), asked()};
  const std::vector<std::uint32_t> one = {0}, two = {1};
  const auto units = answer_by_baseline("first_occurrence", "span_qa", data, one, two);
  EXPECT_EQ(units[0].guess, 2);
  EXPECT_EQ(units[0].last, 3);
  EXPECT_TRUE(units[0].correct);
  EXPECT_EQ(answer_by_baseline("first_occurrence", "span_qa", data, {}, two)[0].guess, 0);
}

TEST(Baselines, AreForTheirTasks) {
  const Dataset data = tagged();
  EXPECT_THAT(
      message_of<UserError>([&] { answer_by_baseline("bag_of_words", "tagging", data, {}, {}); }),
      HasSubstr("baseline bag_of_words is for classification, not for tagging"));
  EXPECT_THAT(message_of<UserError>([&] { answer_by_baseline("bag", "tagging", data, {}, {}); }),
              HasSubstr("unknown baseline 'bag'"));
}

// Trained on the genre news; published figures of the corpus, by other means.
TEST(RealData, FrequentTagScoresAsElsewhere) {
  LOAD_OR_SKIP(data, "brown_pos");
  const auto genre = [&](const std::string& prefix) {
    std::vector<std::uint32_t> examples;
    for (std::uint32_t e = 0; e < data.examples.size(); ++e) {
      if (data.documents[data.examples[e].document].starts_with(prefix)) examples.push_back(e);
    }
    return examples;
  };
  const auto news = genre("ca");
  for (const auto& [prefix, expected] :
       {std::pair{"ck", 0.840}, std::pair{"cj", 0.850}, std::pair{"ch", 0.881}}) {
    const auto units = answer_by_baseline("frequent_tag", "tagging", data, news, genre(prefix));
    const auto right =
        std::count_if(units.begin(), units.end(), [](const Unit& unit) { return unit.correct; });
    EXPECT_NEAR(static_cast<double>(right) / static_cast<double>(units.size()), expected, 0.0005)
        << prefix;
  }
}

}  // namespace
}  // namespace posbench
