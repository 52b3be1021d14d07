#include "task/training.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/error.h"
#include "base/random.h"
#include "task/span.h"

namespace posbench {
namespace {

// Development tokens behind a point of the learning curve: enough for a curve (± 0.3 points), a
// fifth of a second.
constexpr std::size_t kCurveTokens = 20000;
// Evaluation batches are as large as a training batch, so that the arena need not grow.
constexpr std::size_t kEvaluationTokens = 2048;

// Yields the items for ever, pass after pass, each pass in a new order.
template <class Item>
class ShuffledForEver {
 public:
  ShuffledForEver(const std::vector<Item>& items, std::uint64_t seed)
      : order_(items), next_(order_.size()), random_(seed, "order") {}

  Item next() {
    if (next_ == order_.size()) {
      random_.shuffle(std::span(order_));
      next_ = 0;
    }
    return order_[next_++];
  }

 private:
  std::vector<Item> order_;
  std::size_t next_;
  Random random_;
};

// Rows of documents one after the other, as many documents at once as there are lanes: what a
// memory of earlier text is for. Documents come for ever, pass after pass, each in a new order.
class Lanes {
 public:
  struct Row {
    std::uint32_t example;
    bool begins;  // a document
  };

  Lanes(const TaskData& data, std::size_t lanes, std::uint64_t seed)
      : documents_(documents_of(data)), order_(documents_, seed), lanes_(lanes) {}

  Row next(std::size_t lane) {
    Lane& at = lanes_[lane];
    const bool begins = at.next == at.rows.size();
    if (begins) at = {order_.next(), 0};
    return {at.rows[at.next++], begins};
  }

 private:
  using Rows = std::span<const std::uint32_t>;
  struct Lane {
    Rows rows = {};
    std::size_t next = 0;
  };

  static std::vector<Rows> documents_of(const TaskData& data) {
    std::vector<Rows> documents;
    const Rows rows = data.split.train;
    for (std::size_t first = 0, i = 1; i <= rows.size(); ++i) {
      if (i < rows.size() &&
          data.dataset.examples[rows[i]].document == data.dataset.examples[rows[first]].document) {
        continue;
      }
      documents.push_back(rows.subspan(first, i - first));
      first = i;
    }
    return documents;
  }

  std::vector<Rows> documents_;
  ShuffledForEver<Rows> order_;
  std::vector<Lane> lanes_;
};

// The examples of the development side that hold about kCurveTokens words, taken at even distances
// so that they come from all its documents; with a memory, the first ones.
std::vector<std::uint32_t> curve_examples(const TaskData& data) {
  std::size_t tokens = 0;
  if (data.memory > 0) {
    std::size_t n = 0;
    while (n < data.split.dev.size() && tokens < kCurveTokens) {
      tokens += data.dataset.examples[data.split.dev[n++]].words.size();
    }
    return {data.split.dev.begin(), data.split.dev.begin() + static_cast<std::ptrdiff_t>(n)};
  }
  for (const std::uint32_t e : data.split.dev) tokens += data.dataset.examples[e].words.size();
  const std::size_t stride = std::max<std::size_t>(1, tokens / kCurveTokens);
  std::vector<std::uint32_t> chosen;
  for (std::size_t i = 0; i < data.split.dev.size(); i += stride)
    chosen.push_back(data.split.dev[i]);
  return chosen;
}

int split_of(const TaskOptions& options) { return static_cast<int>(options.seed % kSplits); }

LayerStates<float> states_for(const Encoder<float>& encoder, const TaskData& data,
                              std::size_t sequences) {
  return {encoder.shape(), sequences, static_cast<std::size_t>(data.memory)};
}

// Asks an encoder about examples, a batch at a time; with a memory, a row at a time.
class Scorer {
 public:
  Scorer(Encoder<float>& encoder, const TaskData& data, int position_shift)
      : encoder_(encoder),
        data_(data),
        shift_(position_shift),
        text_{data.dataset, *data.tokenizer, encoder.system(), data.max_length - position_shift},
        states_(states_for(encoder, data, data.memory > 0 ? 1 : 0)),
        has_none_(std::any_of(data.dataset.examples.begin(), data.dataset.examples.end(),
                              [](const Example& e) { return e.answers.empty(); })) {}

  void add(std::uint32_t index) {
    Random noise(index, "asked");
    const std::size_t before = batch_.size();
    data_.task->append(data_.dataset.examples[index], text_, noise, batch_);
    for (std::size_t i = before; i < batch_.size(); ++i) batch_.positions[i] += shift_;
    if (data_.memory > 0 && !(units_.empty() || units_.back().document == document(index))) {
      states_.clear();
    }
    examples_.push_back(index);
    if (data_.memory > 0 || batch_.size() >= kEvaluationTokens) score_batch();
  }
  std::vector<Unit> finish() {
    if (batch_.size() > 0) score_batch();
    return std::move(units_);
  }

 private:
  // Sequences of which nothing is asked are possible, batches of them are not.
  void score_batch() {
    if (!batch_.rows.empty()) {
      encoder_.loss(batch_, &losses_, data_.memory > 0 ? &states_ : nullptr);
      if (batch_.spans.empty()) {
        score_rows();
      } else {
        score_spans();
      }
    }
    batch_.clear();
    examples_.clear();
  }

  void score_rows() {
    const auto classes = static_cast<std::size_t>(data_.classes());
    std::size_t sequence = 0;
    for (std::size_t r = 0; r < batch_.rows.size(); ++r) {
      while (batch_.rows[r] >= batch_.offsets[sequence + 1]) ++sequence;
      const float* row = encoder_.logits() + r * classes;
      const auto guess =
          static_cast<std::int32_t>(std::distance(row, std::max_element(row, row + classes)));
      const std::int32_t position =
          batch_.positions[static_cast<std::size_t>(batch_.rows[r])] - shift_;
      units_.push_back(unit(sequence, position, losses_[r]));
      units_.back().correct = guess == batch_.labels[r];
      units_.back().label = batch_.labels[r];
      units_.back().guess = guess;
    }
  }

  void score_spans() {
    std::size_t first = 0;
    for (std::size_t s = 0; s < batch_.sequences(); ++s) {
      std::size_t last = first;
      while (last < batch_.rows.size() && batch_.rows[last] < batch_.offsets[s + 1]) ++last;
      const SpanGuess guess = best_span(encoder_.logits() + 2 * first, last - first, has_none_);
      units_.push_back(unit(s, 0, losses_[s]));
      units_.back().guess = guess.first;
      units_.back().last = guess.last;
      units_.back().correct = score_span(example(s), guess.first, guess.last).exact;
      first = last;
    }
  }

  std::uint32_t document(std::uint32_t index) const {
    return data_.dataset.examples[index].document;
  }
  const Example& example(std::size_t sequence) const {
    return data_.dataset.examples[examples_[sequence]];
  }
  Unit unit(std::size_t sequence, std::int32_t position, float loss) const {
    const Example& asked = example(sequence);
    const auto words = asked.passage ? asked.passage->words.size() : asked.words.size();
    return {asked.document, examples_[sequence],
            data_.task->by_length() ? static_cast<std::int32_t>(words) : position, loss, false};
  }
  Encoder<float>& encoder_;
  const TaskData& data_;
  std::int32_t shift_;
  TextContext text_;
  LayerStates<float> states_;
  bool has_none_;  // some questions have no answer
  Batch batch_;
  std::vector<std::uint32_t> examples_;  // of each sequence of the batch
  std::vector<float> losses_;            // of each labelled row, or of each sequence with a span
  std::vector<Unit> units_;
};

}  // namespace

TaskData::TaskData(const TaskOptions& options, std::shared_ptr<const Tokenizer> known)
    : task(make_task(options.task)),
      max_length(options.max_length),
      row_length(options.trained_length > 0 ? options.trained_length
                                            : options.max_length - options.memory),
      memory(options.memory),
      dataset(load_dataset(options.dataset)),
      split_index(split_of(options)),
      split(split_documents(dataset, split_index)),
      tokenizer(known ? std::move(known)
                      : make_tokenizer(options.tokenizer, dataset, split.train)) {
  if (std::find(dataset.tasks.begin(), dataset.tasks.end(), options.task) == dataset.tasks.end()) {
    throw UserError(fmt::format("data set {} is made for {}, not for {}", dataset.name,
                                fmt::join(dataset.tasks, ", "), options.task));
  }
  const int longest = max_length - memory;
  if (memory < 0 || longest < 1) {
    throw UserError(fmt::format(
        "memory is {} and max_length {}; a memory is 0 or more, and leaves a row of max_length",
        memory, max_length));
  }
  if (options.trained_length < 0 || options.trained_length > longest) {
    throw UserError(fmt::format("trained_length is {}; it is 0 to {}, max_length less the memory",
                                options.trained_length, longest));
  }
  task->reshape(dataset, split, *tokenizer, {row_length, longest, options.stream});
}

std::map<std::string, std::size_t> TaskData::unseen_labels() const {
  std::vector<bool> seen(dataset.labels.size(), false);
  for (const std::uint32_t e : split.train) {
    for (const std::int32_t label : dataset.examples[e].labels) {
      if (label != kNoLabel) seen[static_cast<std::size_t>(label)] = true;
    }
  }
  std::map<std::string, std::size_t> unseen;
  for (const std::uint32_t e : split.test) {
    for (const std::int32_t label : dataset.examples[e].labels) {
      if (label == kNoLabel || seen[static_cast<std::size_t>(label)]) continue;
      ++unseen[dataset.labels[static_cast<std::size_t>(label)]];
    }
  }
  return unseen;
}

std::shared_ptr<const Tokenizer> learn_tokenizer(const TaskOptions& options) {
  const Dataset dataset = load_dataset(options.dataset);
  return make_tokenizer(options.tokenizer, dataset,
                        split_documents(dataset, split_of(options)).train);
}

BatchSize largest_batch(int batch_tokens, int max_length) {
  // A batch ends with the sequence that fills it.
  const auto longest = static_cast<std::size_t>(max_length);
  const std::size_t rows =
      std::max(static_cast<std::size_t>(batch_tokens), kEvaluationTokens) - 1 + longest;
  return {rows, longest, rows};
}

Evaluation evaluate(Encoder<float>& encoder, const TaskData& data,
                    std::span<const std::uint32_t> examples, int position_shift) {
  if (position_shift < 0 || position_shift >= data.max_length) {
    throw UserError(fmt::format("position_shift is {}; it is 0 to {}, below max_length",
                                position_shift, data.max_length - 1));
  }
  Scorer scorer(encoder, data, position_shift);
  for (const std::uint32_t index : examples) scorer.add(index);
  Evaluation evaluation;
  evaluation.units = scorer.finish();
  double loss = 0, correct = 0;
  for (const Unit& unit : evaluation.units) {
    loss += static_cast<double>(unit.loss);
    correct += unit.correct ? 1 : 0;
  }
  const double count = static_cast<double>(evaluation.units.size());
  evaluation.loss = loss / count;
  evaluation.accuracy = correct / count;
  evaluation.scores = data.task->scores(data.dataset, evaluation.units);
  return evaluation;
}

TrainingOutcome train(Encoder<float>& encoder, const TaskData& data,
                      const TrainingOptions& options) {
  Optimizer<float> optimizer(options.optimizer, encoder.layout());
  ShuffledForEver<std::uint32_t> order(data.split.train, options.seed);
  Random noise(options.seed, "noise");
  TextContext text{data.dataset, *data.tokenizer, encoder.system(), data.max_length,
                   options.token_dropout};
  // With a memory, a batch holds a row of each of so many documents.
  const std::size_t documents =
      data.memory > 0
          ? static_cast<std::size_t>(std::max(1, options.batch_tokens / data.row_length))
          : 0;
  Lanes lanes(data, documents, options.seed);
  LayerStates<float> states = states_for(encoder, data, documents);
  const std::vector<std::uint32_t> watched = curve_examples(data);
  const int steps = options.optimizer.steps;
  TrainingOutcome outcome;
  Batch batch;
  std::int64_t tokens = 0;
  double loss_since = 0;
  int steps_since = 0;
  for (int step = 1; step <= steps; ++step) {
    batch.clear();
    const bool is_short = options.short_length > 0 && step <= options.short_share * steps;
    text.max_length = is_short ? options.short_length : data.max_length;
    for (std::size_t lane = 0; lane < documents; ++lane) {
      const Lanes::Row next = lanes.next(lane);
      if (next.begins) states.clear(lane);
      data.task->append(data.dataset.examples[next.example], text, noise, batch);
    }
    while (documents == 0 && batch.size() < static_cast<std::size_t>(options.batch_tokens)) {
      data.task->append(data.dataset.examples[order.next()], text, noise, batch);
    }
    const double loss = encoder.loss_and_gradients(batch, documents > 0 ? &states : nullptr);
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
      const Evaluation dev = evaluate(encoder, data, watched);
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
