// A task turns examples into sequences of a batch with labelled rows, and what an encoder answers
// into scores; the encoder's head and the training loop do the rest.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "dataset/dataset.h"
#include "dataset/split.h"
#include "dataset/tokenizer.h"
#include "encoder/encoder.h"

namespace posbench {

/// What every sequence of a trial is made with.
struct TextContext {
  const Dataset& dataset;
  const Tokenizer& tokenizer;
  const EncoderSystem& system;
  int max_length;              ///< rows; words beyond are cut off, alike for every arm of a system
  double token_dropout = 0.0;  ///< share of words that are read as unknown, when training
};

/// What was asked once: a word when tagging, a text when classifying, a question, a masked token.
struct Unit {
  std::uint32_t document;
  std::uint32_t example;  ///< index into Dataset::examples
  std::int32_t position;  ///< see Task::by_length
  float loss;             ///< nats
  bool correct;
  std::int32_t label = 0;  ///< right class; of span_qa: nothing
  std::int32_t guess = 0;  ///< class; of span_qa: first word of the answer, -1 for none
  std::int32_t last = 0;   ///< of span_qa: last word of the answer
};

/// A mean, or another quotient, from which that of any choice of documents follows.
struct Quotient {
  double sum, count;
};

/// How running text becomes rows.
struct RowOptions {
  int length;          ///< tokens of a row
  int longest;         ///< tokens of the longest row of a further test side
  std::string stream;  ///< see task/language.h
};

class Task {
 public:
  virtual ~Task() = default;

  /// Appends the example as one more sequence with its labelled rows; `noise` draws what a task
  /// hides. The system says what stands around the words.
  virtual void append(const Example& example, const TextContext& text, Random& noise,
                      Batch& batch) const = 0;

  /// What "by position" means when the loss of labelled rows is broken down: the row's own
  /// position, or the length of its text.
  virtual bool by_length() const = 0;

  /// Classes that the head tells apart.
  virtual int classes(const Dataset& dataset, const Tokenizer&) const {
    return static_cast<int>(dataset.labels.size());
  }

  /// The headline among the scores, or "loss", where lower is better.
  virtual std::string metric(const Dataset&) const { return "accuracy"; }

  /// Scores beside loss and accuracy, by name. Shares from 0 to 1, unless the name is a unit.
  virtual std::map<std::string, double> scores(const Dataset& dataset,
                                               const std::vector<Unit>& units) const = 0;

  /// The headline of some units, as a quotient: what a bootstrap over documents adds up.
  virtual Quotient headline(const Dataset&, std::span<const Unit> units) const {
    Quotient right{0, static_cast<double>(units.size())};
    for (const Unit& unit : units) right.sum += unit.correct ? 1 : 0;
    return right;
  }

  /// Makes rows of a data set's text where a task does not ask about its examples as they are.
  virtual void reshape(Dataset&, Split&, const Tokenizer&, const RowOptions&) const {}

  /// Throws UserError for a system that cannot do the task.
  virtual void require_possible(const EncoderSystem&) const {}
};

struct TaskAbout {
  std::string name;
  std::string about;
};
std::vector<TaskAbout> tasks();

/// Throws UserError for an unknown name, naming the nearest.
std::unique_ptr<Task> make_task(const std::string& name);

/// A file of this folder registers its task with one static object.
struct TaskRegistration {
  TaskRegistration(const TaskAbout& about, std::unique_ptr<Task> (*make)());
};

}  // namespace posbench
