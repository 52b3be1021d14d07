// Training and scoring on languages made up for the purpose.
#include "task/training.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "tiny_home.h"

namespace posbench {
namespace {

// Twenty documents of four sentences of six words; `tag` gets the word's number and its place.
template <class Tag>
std::vector<std::string> language(int words, Tag tag) {
  Random random(1, "language");
  std::vector<std::string> documents(20);
  for (auto& document : documents) {
    for (int sentence = 0; sentence < 4; ++sentence) {
      for (int place = 0; place < 6; ++place) {
        const auto word = static_cast<int>(random.below(static_cast<std::uint64_t>(words)));
        document += fmt::format("w{}/t{} ", word, tag(word, place));
      }
      document += "\n";
    }
  }
  return documents;
}

TaskOptions options_for(const std::string& task, const std::string& dataset, std::uint64_t seed,
                        int max_length = 8) {
  return {.task = task,
          .dataset = dataset,
          .seed = seed,
          .tokenizer = {.size = 64},
          .max_length = max_length};
}

EncoderOptions encoder_for(const TaskData& data, const std::string& encoding) {
  EncoderOptions options;
  options.shape = {.vocabulary = static_cast<int>(data.tokenizer->size()),
                   .classes = data.classes(),
                   .hidden = 16,
                   .layers = 1,
                   .heads = 2,
                   .feed_forward = 32,
                   .max_length = 8};
  options.encoding = encoding;
  options.position_rms = 0.1;
  options.token_rms = 0.1;
  return options;
}

TrainingOptions some_steps(int steps) {
  TrainingOptions options;
  options.optimizer.learning_rate = 0.01;
  options.optimizer.steps = steps;
  options.batch_tokens = 64;
  return options;
}

class Training : public TinyHome {
 protected:
  // Accuracy on the test side after a training.
  double accuracy(const std::string& dataset, const std::string& task,
                  const std::string& encoding) const {
    const TaskData data(options_for(task, dataset, 0));
    Encoder<float> encoder(encoder_for(data, encoding));
    const TrainingOutcome outcome = train(encoder, data, some_steps(150));
    EXPECT_FALSE(outcome.stopped_at);
    EXPECT_LT(outcome.curve.back().train_loss, outcome.curve.front().train_loss);
    return evaluate(encoder, data, data.split.test).accuracy;
  }
};

TEST_F(Training, LearnsTheTagOfAWord) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  for (const std::string encoding : {"none", "learned", "sinusoid"}) {
    EXPECT_EQ(accuracy("words", "tagging", encoding), 1.0) << encoding;
  }
}

// What positions are for: one word, whose tag is its place. Without them all rows are alike, so the
// best that is left is one guess for six places.
TEST_F(Training, LearnsPlacesOnlyWithPositions) {
  add_dataset("places", "tagging", language(1, [](int, int place) { return place; }));
  EXPECT_EQ(accuracy("places", "tagging", "learned"), 1.0);
  EXPECT_EQ(accuracy("places", "tagging", "sinusoid"), 1.0);
  EXPECT_NEAR(accuracy("places", "tagging", "none"), 1.0 / 6, 1e-9);
}

// The label of a text is that of its first word: the token in front has to look there.
TEST_F(Training, ClassifiesByTheFirstWord) {
  add_dataset("texts", "classification", language(4, [](int word, int) { return word; }));
  const double learned = accuracy("texts", "classification", "learned");
  EXPECT_GT(learned, 0.85);
  EXPECT_GT(learned, accuracy("texts", "classification", "none"));
}

TEST_F(Training, RepeatsItself) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 3));
  std::vector<Buffer<float>> ends;
  std::vector<TrainingOutcome> outcomes;
  for (const std::uint64_t seed : {3, 3, 4}) {
    Encoder<float> encoder(encoder_for(data, "learned"));
    TrainingOptions options = some_steps(12);
    options.seed = seed;  // of the order of the data alone
    outcomes.push_back(train(encoder, data, options));
    ends.push_back(encoder.parameters());
  }
  EXPECT_EQ(ends[0], ends[1]);
  EXPECT_NE(ends[0], ends[2]);
  EXPECT_EQ(outcomes[0].curve.back().train_loss, outcomes[1].curve.back().train_loss);
}

TEST_F(Training, CurveEndsAtTheLastStep) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0));
  for (const auto& [steps, points, expected] :
       {std::tuple{24, 12, 12}, {25, 12, 12}, {5, 12, 5}, {7, 1, 1}, {3, 3, 3}}) {
    Encoder<float> encoder(encoder_for(data, "none"));
    TrainingOptions options = some_steps(steps);
    options.curve_points = points;
    const auto curve = train(encoder, data, options).curve;
    ASSERT_EQ(curve.size(), static_cast<std::size_t>(expected)) << steps;
    EXPECT_EQ(curve.back().step, steps);
    for (std::size_t i = 1; i < curve.size(); ++i) {
      EXPECT_LT(curve[i - 1].step, curve[i].step);
      EXPECT_LT(curve[i - 1].tokens, curve[i].tokens);
    }
    // Sentences of six words: a batch of 64 tokens ends with the sentence that passes them, 66.
    EXPECT_EQ(curve.back().tokens, 66 * steps);
  }
}

TEST_F(Training, AttendsToEveryTrainingExampleInEachPass) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0));
  // 16 training documents of 24 tokens; a batch of one token is one sentence.
  ASSERT_EQ(data.split.train.size(), 64u);
  TrainingOptions options = some_steps(64);
  options.batch_tokens = 1;
  options.optimizer.learning_rate = 0.0;  // then the losses tell which sentences came by
  options.curve_points = 1;
  Encoder<float> encoder(encoder_for(data, "learned"));
  const auto outcome = train(encoder, data, options);
  EXPECT_NEAR(outcome.curve.back().train_loss, evaluate(encoder, data, data.split.train).loss,
              1e-6);
}

TEST_F(Training, StopsWhereTheLossIsNotFinite) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0));
  Encoder<float> encoder(encoder_for(data, "learned"));
  encoder.parameters()[encoder.layout().parts().back().offset] = std::nanf("");
  const TrainingOutcome outcome = train(encoder, data, some_steps(10));
  EXPECT_EQ(outcome.stopped_at, 1);
  EXPECT_TRUE(outcome.curve.empty());
}

// Its loss was finite, but what the last step wrote is not: only the scores show it.
TEST_F(Training, StopsWhereTheLastStepBreaksTheValues) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0));
  Encoder<float> encoder(encoder_for(data, "learned"));
  TrainingOptions options = some_steps(1);
  options.optimizer.learning_rate = 1e38;
  const TrainingOutcome outcome = train(encoder, data, options);
  EXPECT_EQ(outcome.stopped_at, 1);
  EXPECT_TRUE(outcome.curve.empty());
}

TEST_F(Training, BatchesAreNoLargerThanSaid) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0));
  for (const int tokens : {1, 64, 5000}) {
    const BatchSize most = largest_batch(tokens, 8);
    EXPECT_GE(most.rows, static_cast<std::size_t>(tokens) + 7);
    EXPECT_GE(most.rows, 2048u + 7);  // of an evaluation
    EXPECT_EQ(most.longest, 8u);
    const EncoderOptions options = encoder_for(data, "learned");
    Encoder<float> trained(options);
    TrainingOptions two = some_steps(2);
    two.batch_tokens = tokens;
    train(trained, data, two);
    const Footprint bytes = footprint<float>(options, most, /*trains=*/true);
    EXPECT_LE(trained.arena_bytes(), bytes.kept + bytes.scratch);
  }
}

TEST_F(Training, FrozenPositionsStayAndTheRestLearns) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0));
  for (const bool freezes : {false, true}) {
    Encoder<float> encoder(encoder_for(data, "learned"));
    const Buffer<float> before = encoder.parameters();
    TrainingOptions options = some_steps(20);
    options.optimizer.freeze_positions = freezes;
    train(encoder, data, options);
    for (const Parameter& part : encoder.layout().parts()) {
      const auto changed = [&](std::size_t i) {
        return encoder.parameters()[part.offset + i] != before[part.offset + i];
      };
      bool moved = false;
      for (std::size_t i = 0; i < part.size(); ++i) moved = moved || changed(i);
      EXPECT_EQ(moved, !(freezes && part.name == "position")) << part.name;
    }
  }
}

// Rows of the table behind the short length get gradients only when texts are whole.
TEST_F(Training, ShortStepsSeeTheFirstRowsAlone) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0));
  const auto moved = [&](double share) {
    Encoder<float> encoder(encoder_for(data, "learned"));
    const Buffer<float> before = encoder.parameters();
    TrainingOptions options = some_steps(10);
    options.optimizer.weight_decay = 0;
    options.short_length = 2;
    options.short_share = share;
    train(encoder, data, options);
    const Parameter& table =
        *std::ranges::find(encoder.layout().parts(), "position", &Parameter::name);
    std::vector<bool> rows;
    for (std::size_t r = 0; r < 6; ++r) {
      const std::size_t at = table.offset + r * table.columns;
      rows.push_back(encoder.parameters()[at] != before[at]);
    }
    return rows;
  };
  EXPECT_THAT(moved(1.0), testing::ElementsAre(true, true, false, false, false, false));
  EXPECT_THAT(moved(0.9), testing::Each(true));
}

// What knows distances alone does not see where a text begins; a table does.
TEST_F(Training, ShiftedPositionsChangeAbsoluteEncodingsAlone) {
  add_dataset("words", "tagging",
              language(9, [](int word, int place) { return word % 3 + place; }));
  const TaskData data(options_for("tagging", "words", 0, 9));
  for (const std::string encoding : {"none", "rope", "alibi", "t5_bias", "learned", "sinusoid"}) {
    EncoderOptions options = encoder_for(data, encoding);
    options.shape.max_length = 9;
    Encoder<float> encoder(options);
    train(encoder, data, some_steps(20));
    const double here = evaluate(encoder, data, data.split.test).loss;
    const double there = evaluate(encoder, data, data.split.test, 3).loss;
    if (encoding == "learned" || encoding == "sinusoid") {
      EXPECT_GT(std::abs(there - here), 1e-3) << encoding;
    } else {
      EXPECT_NEAR(there, here, 1e-5) << encoding;
    }
  }
}

TEST_F(Training, FillsRowsFromThoseThatWereTrained) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0));
  EncoderOptions options = encoder_for(data, "learned");
  options.trained_length = 3;
  options.fill = "tile";
  Encoder<float> encoder(options);
  const Parameter& table =
      *std::ranges::find(encoder.layout().parts(), "position", &Parameter::name);
  encoder.parameters()[table.offset] = 42;  // as if training had put it there
  encoder.fill_positions();
  EXPECT_EQ(encoder.parameters()[table.offset + 3 * table.columns], 42);
}

// A causal encoder with a memory of the whole text gives each row what one long row would.
TEST_F(Training, AMemoryContinuesTheText) {
  add_dataset("words", "causal_lm", language(9, [](int, int) { return 0; }));
  const auto options = [](int row, int memory) {
    TaskOptions made = options_for("causal_lm", "words", 0, row + memory);
    made.trained_length = row;
    made.memory = memory;
    return made;
  };
  const TaskData remembers(options(7, 21)), forgets(options(7, 0));
  EncoderOptions shape = encoder_for(forgets, "transformer_xl");
  shape.system = "transformer_xl";
  shape.shape.max_length = 28;
  Encoder<float> encoder(shape);
  // The same text in rows of seven tokens, a sentence each: the first rows of documents are alike,
  // and the later ones are not.
  const auto with = evaluate(encoder, remembers, remembers.split.test).units;
  const auto without = evaluate(encoder, forgets, forgets.split.test).units;
  ASSERT_EQ(with.size(), without.size());
  int alike = 0;
  for (std::size_t i = 0; i < with.size(); ++i) {
    const bool is_first =
        with[i].example == with[0].example || i == 0 ||
        remembers.dataset.examples[with[i].example - 1].document != with[i].document;
    if (is_first) {
      EXPECT_EQ(with[i].loss, without[i].loss);
    }
    alike += with[i].loss == without[i].loss ? 1 : 0;
  }
  EXPECT_LT(alike, static_cast<int>(with.size()) / 2);

  // And it trains.
  TrainingOptions some = some_steps(8);
  EXPECT_FALSE(train(encoder, remembers, some).stopped_at);
  EXPECT_THAT(message_of<UserError>([&] { TaskData(options(7, -1)); }),
              testing::HasSubstr("memory is -1"));
}

// Taken together, the documents' quotients are the score.
TEST_F(Training, HeadlinesAddUpToTheScore) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData tagging(options_for("tagging", "words", 0));
  Encoder<float> encoder(encoder_for(tagging, "learned"));
  const Evaluation evaluation = evaluate(encoder, tagging, tagging.split.test);
  const Quotient quotient = tagging.task->headline(tagging.dataset, evaluation.units);
  EXPECT_NEAR(quotient.sum / quotient.count, evaluation.accuracy, 1e-12);
}

TEST_F(Training, EvaluationKeepsTheOrderAndCountsEveryUnit) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData data(options_for("tagging", "words", 0, 4));
  Encoder<float> encoder(encoder_for(data, "learned"));
  // All of it, twice: more than one batch of an evaluation.
  std::vector<std::uint32_t> examples = data.split.train;
  examples.insert(examples.end(), data.split.train.begin(), data.split.train.end());
  const auto repeated = [&](int times) {
    std::vector<std::uint32_t> all;
    for (int i = 0; i < times; ++i) all.insert(all.end(), examples.begin(), examples.end());
    return evaluate(encoder, data, all);
  };
  const Evaluation evaluation = repeated(10);
  ASSERT_EQ(evaluation.units.size(), 10 * examples.size() * 4);  // cut to four words each
  double loss = 0, correct = 0;
  for (std::size_t i = 0; i < evaluation.units.size(); ++i) {
    const Unit& unit = evaluation.units[i];
    EXPECT_EQ(unit.document, data.dataset.examples[examples[i / 4 % examples.size()]].document);
    EXPECT_EQ(unit.position, static_cast<std::int32_t>(i % 4));
    loss += static_cast<double>(unit.loss);
    correct += unit.correct ? 1 : 0;
  }
  const auto count = static_cast<double>(evaluation.units.size());
  EXPECT_NEAR(evaluation.loss, loss / count, 1e-12);
  EXPECT_NEAR(evaluation.accuracy, correct / count, 1e-12);
  EXPECT_NEAR(evaluation.loss, repeated(1).loss, 1e-6);  // batches do not matter
}

TEST_F(Training, ClassificationIsBrokenDownByTheLengthOfTheText) {
  add_dataset("texts", "classification", {"a/x b/x c/x\nd/y\n", "a/y b/y\n", "c/x\n", "d/y e/y\n"});
  const TaskData data(options_for("classification", "texts", 0));
  Encoder<float> encoder(encoder_for(data, "learned"));
  const std::vector<std::uint32_t> all = {0, 1, 2, 3, 4};
  const Evaluation evaluation = evaluate(encoder, data, all);
  std::vector<int> lengths;
  for (const Unit& unit : evaluation.units) lengths.push_back(unit.position);
  EXPECT_THAT(lengths, testing::ElementsAre(3, 1, 2, 1, 2));
}

TEST_F(Training, SplitAndVocabularyFollowTheSeed) {
  add_dataset("words", "tagging", language(9, [](int word, int) { return word % 3; }));
  const TaskData a(options_for("tagging", "words", 4)), b(options_for("tagging", "words", 14)),
      c(options_for("tagging", "words", 5));
  EXPECT_EQ(a.split_index, 4);
  EXPECT_EQ(a.split.test, b.split.test);
  EXPECT_EQ(a.tokenizer->digest(), b.tokenizer->digest());
  EXPECT_NE(a.split.test, c.split.test);
}

}  // namespace
}  // namespace posbench
