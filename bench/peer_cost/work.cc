#include "peer_cost/work.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "base/error.h"
#include "base/nearest.h"
#include "base/random.h"
#include "task/training.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr int kClasses = 190;                // of random labels: as many as Brown has tags
constexpr std::size_t kScoredTokens = 4096;  // of a batch that is scored

// Steps that no measurement reaches: a rate that stays, so that the first steps, which the arms are
// compared by, move the weights.
constexpr int kEndless = 1'000'000;

EncoderOptions options_of(const json& spec) {
  EncoderOptions options;
  options.shape = {spec.at("vocabulary"), kClasses,          spec.at("hidden"),
                   spec.at("layers"),     spec.at("heads"),  spec.at("feed_forward"),
                   spec.at("length"),     spec.at("window"), spec.at("globals")};
  options.system = spec.at("system");
  options.encoding = spec.at("encoding");
  options.convention = spec.at("convention");
  options.precision = spec.at("precision");
  options.seed = spec.at("seed");
  return options;
}

Batch random_batch(const EncoderShape& shape, int sequences, std::uint64_t seed) {
  Random random(seed, "batch");
  const auto below = [&](int bound) {
    return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(bound)));
  };
  Batch batch;
  for (int s = 0; s < sequences; ++s) {
    for (int t = 0; t < shape.max_length; ++t) {
      batch.rows.push_back(static_cast<std::int32_t>(batch.rows.size()));
      batch.labels.push_back(below(shape.classes));
      batch.positions.push_back(t);
      batch.tokens.push_back(below(shape.vocabulary));
    }
    batch.offsets.push_back(static_cast<std::int32_t>(batch.tokens.size()));
  }
  return batch;
}

// When a batch is full.
struct Full {
  std::size_t tokens;
  std::size_t sentences;
};

std::vector<Batch> bucketed(const TaskData& data, std::vector<std::uint32_t> examples,
                            const EncoderOptions& options, Full full) {
  const int max_length = options.shape.max_length;
  const TextContext text{data.dataset, *data.tokenizer, find_system(options.system), max_length};
  Random nothing_hidden(0, "");
  std::ranges::stable_sort(examples, {}, [&](std::uint32_t e) {
    return std::min(data.dataset.examples[e].words.size(), static_cast<std::size_t>(max_length));
  });
  std::vector<Batch> batches(1);
  for (const std::uint32_t e : examples) {
    if (batches.back().size() >= full.tokens || batches.back().sequences() >= full.sentences) {
      batches.emplace_back();
    }
    data.task->append(data.dataset.examples[e], text, nothing_hidden, batches.back());
  }
  return batches;
}

Full full_of(const json& spec) {
  constexpr std::size_t kNever = -1;
  const std::string by = spec.at("batch_by");
  const auto size = spec.at("batch").get<std::size_t>();
  if (by == "tokens") return {size, kNever};
  if (by == "sentences") return {kNever, size};
  throw UserError(unknown_word("batch_by", by, {"tokens", "sentences"}));
}

void fill_epoch(const json& spec, Job& job) {
  if (find_system(job.options.system).has_delimiters) {
    throw UserError(fmt::format(
        "an epoch labels every row, and system {} puts rows without a label around a text; choose "
        "work forward or train, or another system",
        job.options.system));
  }
  const Full full = full_of(spec);
  const TaskData data({.task = "tagging",
                       .dataset = spec.at("dataset"),
                       .seed = job.options.seed,
                       .tokenizer = {.size = spec.at("vocabulary")},
                       .max_length = job.options.shape.max_length});
  EncoderShape& shape = job.options.shape;
  shape.vocabulary = static_cast<int>(data.tokenizer->size());
  shape.classes = data.classes();
  Random random(job.options.seed, "order");
  std::vector<std::uint32_t> order = data.split.train;
  random.shuffle(std::span(order));  // among sentences of one length
  job.batches = bucketed(data, order, job.options, full);
  random.shuffle(std::span(job.batches));
  const auto most = spec.at("batches").get<std::size_t>();
  if (most > 0 && most < job.batches.size()) job.batches.resize(most);
  job.scored = bucketed(data, data.split.dev, job.options, {kScoredTokens, kScoredTokens});
  job.optimizer.warmup = 0.1;
  job.optimizer.steps = static_cast<int>(job.batches.size());
}

}  // namespace

Job job_of(const json& spec) {
  const std::string work = spec.at("work");
  if (work != "forward" && work != "train" && work != "epoch") {
    throw UserError(unknown_word("work", work, {"forward", "train", "epoch"}));
  }
  for (const char* key : {"batch", "length"}) {
    const int value = spec.at(key);
    if (value < 1) throw UserError(fmt::format("{} must be at least 1; got {}", key, value));
  }
  Job job{options_of(spec), {}, work != "forward", {}, {}};
  require_possible(job.options);
  job.optimizer = {spec.at("learning_rate"), 0.0, kEndless};
  if (work == "epoch") {
    fill_epoch(spec, job);
  } else {
    job.batches = {random_batch(job.options.shape, spec.at("batch"), job.options.seed)};
  }
  return job;
}

json datasets_of(const json& spec) {
  if (spec.at("work") != "epoch") return json::object();
  const std::string name = spec.at("dataset");
  return {{name, dataset_digest(name)}};
}

}  // namespace posbench
