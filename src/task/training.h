// Trains an encoder on a task and scores it: what one accuracy trial does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encoder/footprint.h"
#include "encoder/optimizer.h"
#include "task/task.h"

namespace posbench {

struct TaskOptions {
  std::string task;
  std::string dataset;     ///< name or path of a manifest
  std::uint64_t seed = 0;  ///< modulo 10: the split
  TokenizerOptions tokenizer = {};
  int max_length = 128;              ///< rows of a sequence
  std::string stream = "documents";  ///< language models: see task/language.h
  int trained_length = 0;  ///< language models: rows to train on; 0: max_length, less the memory
  int memory = 0;          ///< language models: rows of earlier text that stay in view
};

/// A data set made ready for one seed: its split and the tokenizer of its training side, unless one
/// is given.
struct TaskData {
  /// Throws UserError for a data set that is not made for the task.
  explicit TaskData(const TaskOptions& options, std::shared_ptr<const Tokenizer> known = nullptr);

  int classes() const { return task->classes(dataset, *tokenizer); }
  /// Labels of the test side that the training side lacks, and how often they stand there: an
  /// encoder cannot guess them.
  std::map<std::string, std::size_t> unseen_labels() const;

  std::unique_ptr<Task> task;
  int max_length;
  int row_length;  ///< of language models: tokens of a row
  int memory;
  Dataset dataset;
  int split_index;
  Split split;
  std::shared_ptr<const Tokenizer> tokenizer;
};

/// What the training side of a data set teaches a tokenizer of these options.
std::shared_ptr<const Tokenizer> learn_tokenizer(const TaskOptions& options);

struct Evaluation {
  double loss = 0;      ///< mean, nats
  double accuracy = 0;  ///< share of correct units
  std::map<std::string, double> scores;
  std::vector<Unit> units;
};

/// A point of the learning curve; train_loss is the mean since the point before.
struct CurvePoint {
  int step;
  std::int64_t tokens;
  double train_loss;
  double dev_loss;
  double dev_accuracy;
};

struct TrainingOptions {
  OptimizerOptions optimizer;
  int batch_tokens = 2048;     ///< a batch ends with the sequence that reaches this many
  double token_dropout = 0.0;  ///< share of words that are read as unknown
  int curve_points = 12;
  /// The first `short_share` of the steps see the first so many rows of each text alone (BERT: 128
  /// for 90 % of the steps, Devlin 2019, appendix A.2); 0: all see all.
  int short_length = 0;
  double short_share = 0.9;
  std::uint64_t seed = 0;
};

struct TrainingOutcome {
  std::vector<CurvePoint> curve;
  /// The step whose loss, or whose loss on the development side after it, was not finite.
  std::optional<int> stopped_at;
};

/// The largest batch of training and scoring, for what has to be known beforehand.
BatchSize largest_batch(int batch_tokens, int max_length);

/// Scores the examples in the order given. What a task hides is drawn from each example's number,
/// so that every arm is asked the same. Positions count from `position_shift` on; texts are cut so
/// that they still fit. With a memory, examples are rows of documents one after the other.
Evaluation evaluate(Encoder<float>& encoder, const TaskData& data,
                    std::span<const std::uint32_t> examples, int position_shift = 0);

/// Passes over the training side in an order drawn from the seed, shared by all arms, until the
/// steps are done.
TrainingOutcome train(Encoder<float>& encoder, const TaskData& data,
                      const TrainingOptions& options);

}  // namespace posbench
