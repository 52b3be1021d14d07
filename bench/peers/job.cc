#include "peers/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>

#include "base/error.h"
#include "base/files.h"
#include "encoder/footprint.h"
#include "encoder/weights.h"
#include "kernel/adamw.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;
using Numbers = std::vector<std::int32_t>;

std::string pack_batches(const std::vector<Batch>& batches) {
  Numbers numbers{static_cast<std::int32_t>(batches.size())};
  for (const Batch& batch : batches) {
    numbers.push_back(static_cast<std::int32_t>(batch.sequences()));
    for (std::size_t s = 0; s < batch.sequences(); ++s) {
      numbers.push_back(batch.offsets[s + 1] - batch.offsets[s]);
    }
    numbers.insert(numbers.end(), batch.tokens.begin(), batch.tokens.end());
    numbers.insert(numbers.end(), batch.labels.begin(), batch.labels.end());
  }
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(std::int32_t)};
}

class Reader {
 public:
  explicit Reader(const fs::path& file) : file_(file.string()) {
    const std::string bytes = read_file(file);
    numbers_.resize(bytes.size() / sizeof(std::int32_t));
    std::copy_n(bytes.data(), numbers_.size() * sizeof(std::int32_t),
                reinterpret_cast<char*>(numbers_.data()));
  }

  std::int32_t number() { return numbers(1)[0]; }
  std::span<const std::int32_t> numbers(std::int32_t n) {
    const auto count = static_cast<std::size_t>(n);
    if (n < 0 || count > numbers_.size() - at_) {
      throw UserError(fmt::format("{} ends inside a batch", file_));
    }
    at_ += count;
    return std::span(numbers_).subspan(at_ - count, count);
  }

 private:
  std::string file_;
  Numbers numbers_;
  std::size_t at_ = 0;
};

Batch read_batch(Reader& reader) {
  Batch batch;
  for (const std::int32_t length : reader.numbers(reader.number())) {
    for (std::int32_t t = 0; t < length; ++t) batch.positions.push_back(t);
    batch.offsets.push_back(batch.offsets.back() + length);
  }
  const auto tokens = reader.numbers(batch.offsets.back());
  batch.tokens.assign(tokens.begin(), tokens.end());
  const auto labels = reader.numbers(batch.offsets.back());
  batch.labels.assign(labels.begin(), labels.end());
  batch.rows.resize(labels.size());
  std::iota(batch.rows.begin(), batch.rows.end(), 0);
  return batch;
}

std::vector<Batch> read_batches(const fs::path& file) {
  Reader reader(file);
  std::vector<Batch> batches;
  for (std::int32_t left = reader.number(); left > 0; --left) {
    batches.push_back(read_batch(reader));
  }
  return batches;
}

}  // namespace

void write_job(const Job& job, const fs::path& folder) {
  const EncoderShape& shape = job.options.shape;
  const EncoderSystem& system = find_system(job.options.system);
  const json text = {{"trains", job.trains},
                     {"precision", job.options.precision},
                     {"encoding", job.options.encoding},
                     {"convention", job.options.convention},
                     {"system",
                      {{"name", system.name},
                       {"rectifies", system.activation == Activation::relu},
                       {"scales_tokens", system.scales_tokens},
                       {"norm_first", system.norm_first},
                       {"causal", system.causal},
                       {"has_window", system.has_window}}},
                     {"shape",
                      {{"vocabulary", shape.vocabulary},
                       {"classes", shape.classes},
                       {"hidden", shape.hidden},
                       {"layers", shape.layers},
                       {"heads", shape.heads},
                       {"feed_forward", shape.feed_forward},
                       {"max_length", shape.max_length},
                       {"window", shape.window},
                       {"globals", shape.globals}}},
                     {"optimizer",
                      {{"learning_rate", job.optimizer.learning_rate},
                       {"warmup", job.optimizer.warmup},
                       {"steps", job.optimizer.steps},
                       {"weight_decay", job.optimizer.weight_decay},
                       {"clip_norm", job.optimizer.clip_norm},
                       {"beta1", AdamwStep::kBeta1},
                       {"beta2", AdamwStep::kBeta2},
                       {"epsilon", AdamwStep::kEpsilon}}}};
  const Encoder<float> encoder(fitting_options(job));
  write_file_atomically(folder / "job.json", text.dump());
  write_file_atomically(folder / "weights.bin",
                        pack_weights(encoder.layout(), encoder.parameters()));
  write_file_atomically(folder / "batches.bin", pack_batches(job.batches));
  write_file_atomically(folder / "scored.bin", pack_batches(job.scored));
}

const EncoderOptions& fitting_options(const Job& job) {
  const BatchSize run = largest_of(job.batches), scored = largest_of(job.scored);
  const BatchSize both{std::max(run.rows, scored.rows), std::max(run.longest, scored.longest),
                       std::max(run.labels, scored.labels)};
  require_footprint({&job.options, 1}, both, job.trains);
  return job.options;
}

Job read_job(const fs::path& folder) {
  const json text = json::parse(read_file(folder / "job.json"));
  const json &shape = text.at("shape"), &optimizer = text.at("optimizer");
  Job job{};
  job.trains = text.at("trains");
  job.options.precision = text.at("precision");
  job.options.system = text.at("system").at("name");
  job.options.encoding = text.at("encoding");
  job.options.convention = text.at("convention");
  job.options.shape = {shape.at("vocabulary"), shape.at("classes"), shape.at("hidden"),
                       shape.at("layers"),     shape.at("heads"),   shape.at("feed_forward"),
                       shape.at("max_length"), shape.at("window"),  shape.at("globals")};
  job.optimizer = {optimizer.at("learning_rate"), optimizer.at("warmup"), optimizer.at("steps"),
                   optimizer.at("weight_decay"), optimizer.at("clip_norm")};
  job.batches = read_batches(folder / "batches.bin");
  job.scored = read_batches(folder / "scored.bin");
  return job;
}

}  // namespace posbench
