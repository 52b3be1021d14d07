// Trains an encoder on a task and scores it: what one accuracy trial does.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataset/split.h"
#include "encoder/footprint.h"
#include "encoder/optimizer.h"
#include "task/task.h"

namespace posbench {

/// A data set made ready for one seed: its split (seed modulo 10) and the vocabulary of its
/// training side.
struct TaskData {
  TaskData(const std::string& task_name, const std::string& dataset_name, std::uint64_t seed,
           std::size_t vocabulary_size);

  std::unique_ptr<Task> task;
  Dataset dataset;
  int split_index;
  Split split;
  Vocabulary vocabulary;
};

/// One labelled row of an evaluation: a word when tagging, a text when classifying.
struct Unit {
  std::uint32_t document;
  std::int32_t position;  ///< see Task::by_length
  float loss;             ///< nats
  bool correct;
};

struct Evaluation {
  double loss = 0;      ///< mean, nats
  double accuracy = 0;  ///< share of correct units
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
  int batch_tokens = 2048;  ///< a batch ends with the sequence that reaches this many
  int curve_points = 12;
  std::uint64_t seed = 0;
};

struct TrainingOutcome {
  std::vector<CurvePoint> curve;
  /// The step whose loss, or whose loss on the development side after it, was not finite.
  std::optional<int> stopped_at;
};

/// The largest batch of training and scoring, for what has to be known beforehand.
BatchSize largest_batch(int batch_tokens, int max_length);

/// Scores the examples in the order given.
Evaluation evaluate(Encoder<float>& encoder, const TaskData& data, int max_length,
                    std::span<const std::uint32_t> examples);

/// Passes over the training side in an order drawn from the seed, shared by all arms, until the
/// steps are done.
TrainingOutcome train(Encoder<float>& encoder, const TaskData& data, int max_length,
                      const TrainingOptions& options);

}  // namespace posbench
