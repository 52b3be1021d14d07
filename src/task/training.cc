#include "task/training.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/random.h"

namespace posbench {
namespace {

// Development tokens behind a point of the learning curve: enough for a curve (± 0.3 points), a
// fifth of a second.
constexpr std::size_t kCurveTokens = 20000;
// Evaluation batches are as large as a training batch, so that the arena need not grow.
constexpr std::size_t kEvaluationTokens = 2048;

// Yields the training examples for ever, pass after pass, each pass in a new order.
class TrainingOrder {
 public:
  TrainingOrder(std::span<const std::uint32_t> examples, std::uint64_t seed)
      : order_(examples.begin(), examples.end()), next_(order_.size()), random_(seed, "order") {}

  std::uint32_t next() {
    if (next_ == order_.size()) {
      random_.shuffle(std::span(order_));
      next_ = 0;
    }
    return order_[next_++];
  }

 private:
  std::vector<std::uint32_t> order_;
  std::size_t next_;
  Random random_;
};

// The first examples of the development side that hold about kCurveTokens words, taken at even
// distances so that they come from all its documents.
std::vector<std::uint32_t> curve_examples(const TaskData& data) {
  std::size_t tokens = 0;
  for (const std::uint32_t e : data.split.dev) tokens += data.dataset.examples[e].words.size();
  const std::size_t stride = std::max<std::size_t>(1, tokens / kCurveTokens);
  std::vector<std::uint32_t> chosen;
  for (std::size_t i = 0; i < data.split.dev.size(); i += stride)
    chosen.push_back(data.split.dev[i]);
  return chosen;
}

}  // namespace

TaskData::TaskData(const std::string& task_name, const std::string& dataset_name,
                   std::uint64_t seed, std::size_t vocabulary_size)
    : task(make_task(task_name)),
      dataset(load_dataset(dataset_name)),
      split_index(static_cast<int>(seed % kSplits)),
      split(split_documents(dataset, split_index)),
      vocabulary(dataset, split.train, vocabulary_size) {}

BatchSize largest_batch(int batch_tokens, int max_length) {
  // A batch ends with the sequence that fills it.
  const auto longest = static_cast<std::size_t>(max_length);
  const std::size_t rows =
      std::max(static_cast<std::size_t>(batch_tokens), kEvaluationTokens) - 1 + longest;
  return {rows, longest, rows};
}

Evaluation evaluate(Encoder<float>& encoder, const TaskData& data, int max_length,
                    std::span<const std::uint32_t> examples) {
  const std::size_t classes = data.dataset.labels.size();
  Evaluation evaluation;
  Batch batch;
  std::vector<std::uint32_t> documents;  // of each labelled row
  std::vector<std::int32_t> lengths;     // of the text of each labelled row
  std::vector<float> losses;
  const auto score_batch = [&] {
    encoder.loss(batch, &losses);
    const float* logits = encoder.logits();
    for (std::size_t r = 0; r < batch.rows.size(); ++r) {
      const float* row = logits + r * classes;
      const auto guess = std::distance(row, std::max_element(row, row + classes));
      const std::int32_t position = data.task->by_length()
                                        ? lengths[r]
                                        : batch.positions[static_cast<std::size_t>(batch.rows[r])];
      evaluation.units.push_back({documents[r], position, losses[r], guess == batch.labels[r]});
    }
    batch.clear();
    documents.clear();
    lengths.clear();
  };
  for (const std::uint32_t index : examples) {
    const Example& example = data.dataset.examples[index];
    data.task->append(example, data.vocabulary, encoder.system(), max_length, batch);
    documents.resize(batch.rows.size(), example.document);
    lengths.resize(batch.rows.size(), static_cast<std::int32_t>(example.words.size()));
    if (batch.size() >= kEvaluationTokens) score_batch();
  }
  if (batch.size() > 0) score_batch();
  double loss = 0, correct = 0;
  for (const Unit& unit : evaluation.units) {
    loss += static_cast<double>(unit.loss);
    correct += unit.correct ? 1 : 0;
  }
  const double count = static_cast<double>(evaluation.units.size());
  evaluation.loss = loss / count;
  evaluation.accuracy = correct / count;
  return evaluation;
}

TrainingOutcome train(Encoder<float>& encoder, const TaskData& data, int max_length,
                      const TrainingOptions& options) {
  Optimizer<float> optimizer(options.optimizer, encoder.layout());
  TrainingOrder order(data.split.train, options.seed);
  const std::vector<std::uint32_t> watched = curve_examples(data);
  const int steps = options.optimizer.steps;
  TrainingOutcome outcome;
  Batch batch;
  std::int64_t tokens = 0;
  double loss_since = 0;
  int steps_since = 0;
  for (int step = 1; step <= steps; ++step) {
    batch.clear();
    while (batch.size() < static_cast<std::size_t>(options.batch_tokens)) {
      data.task->append(data.dataset.examples[order.next()], data.vocabulary, encoder.system(),
                        max_length, batch);
    }
    const double loss = encoder.loss_and_gradients(batch);
    if (!std::isfinite(loss)) {
      outcome.stopped_at = step;
      return outcome;
    }
    optimizer.step(encoder);
    tokens += static_cast<std::int64_t>(batch.size());
    loss_since += loss;
    ++steps_since;
    // Points at equal distances, the last one at the last step.
    if (step * options.curve_points / steps != (step - 1) * options.curve_points / steps) {
      const Evaluation dev = evaluate(encoder, data, max_length, watched);
      // One step may break a value that only the next loss shows, and the last has no next.
      if (!std::isfinite(dev.loss)) {
        outcome.stopped_at = step;
        return outcome;
      }
      outcome.curve.push_back({step, tokens, loss_since / steps_since, dev.loss, dev.accuracy});
      loss_since = 0;
      steps_since = 0;
    }
  }
  return outcome;
}

}  // namespace posbench
