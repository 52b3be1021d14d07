#include "trained.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "encoder/footprint.h"
#include "encoder/weights.h"
#include "record/record.h"

namespace posbench {
namespace fs = std::filesystem;
using nlohmann::json;

TaskOptions task_options(const json& spec) {
  return {.task = spec.at("task"),
          .dataset = spec.at("dataset"),
          .seed = spec.at("seed"),
          .tokenizer = {spec.at("tokenizer"), spec.at("vocabulary"), spec.at("tokenizer_file")},
          .max_length = spec.at("max_length"),
          .stream = spec.at("stream"),
          .trained_length = spec.at("trained_length"),
          .memory = spec.at("memory")};
}

EncoderOptions encoder_options(const json& spec) {
  EncoderOptions options;
  options.shape.hidden = spec.at("hidden");
  options.shape.layers = spec.at("layers");
  options.shape.heads = spec.at("heads");
  options.shape.feed_forward = spec.at("feed_forward");
  options.shape.max_length = spec.at("max_length");
  options.shape.window = spec.at("window");
  options.shape.globals = spec.at("globals");
  options.system = spec.at("system");
  options.encoding = spec.at("encoding");
  options.convention = spec.at("convention");
  options.producer = spec.at("producer");
  options.position_rms = spec.at("position_rms");
  options.trained_length = spec.at("trained_length");
  options.fill = spec.at("fill");
  options.token_rms = spec.at("token_rms");
  options.seed = spec.at("seed");
  options.precision = spec.at("precision");
  options.dropout = spec.at("dropout");
  return options;
}

Encoder<float> make_encoder(const json& spec, const TaskData& data) {
  EncoderOptions options = encoder_options(spec);
  options.shape.vocabulary = static_cast<int>(data.tokenizer->size());
  options.shape.classes = data.classes();
  require_footprint({&options, 1}, largest_batch(spec.at("batch_tokens"), spec.at("max_length")),
                    /*trains=*/true);
  return Encoder<float>(options);
}

json parent_record(const std::string& parent, const std::string& folder) {
  const auto record = find_record(folder, parent);
  if (!record) {
    throw UserError(
        fmt::format("parent trial {} has no record in {}; run it first", parent, folder));
  }
  if (const std::string harness = record->at("spec").at("harness"); harness != "accuracy") {
    throw UserError(
        fmt::format("parent trial {} is one of {}, which trains nothing; name one of accuracy",
                    parent, harness));
  }
  if (record->at("result").at("weights").is_null()) {
    throw UserError(
        fmt::format("parent trial {} kept no weights; run it with keep_weights = true", parent));
  }
  return *record;
}

TaskData load_data(const json& spec, const std::string& folder) {
  const TaskOptions options = task_options(spec);
  const std::string parent = spec.at("init");
  if (parent.empty() || folder.empty()) return TaskData(options);
  const json record = parent_record(parent, folder);
  // The vocabulary is that of the first of the line, which alone learned one.
  json first = record;
  while (!first.at("spec").at("init").get<std::string>().empty()) {
    first = parent_record(first.at("spec").at("init"), folder);
  }
  auto tokenizer = learn_tokenizer(task_options(first.at("spec")));
  if (record.at("result").at("vocabulary_digest") != tokenizer->digest()) {
    throw UserError(fmt::format(
        "parent trial {} learned another vocabulary than its data now gives; run it again",
        parent));
  }
  return TaskData(options, std::move(tokenizer));
}

void load_parent(Encoder<float>& encoder, const std::string& parent, const std::string& folder) {
  const json record = parent_record(parent, folder);
  const json& weights = record.at("result").at("weights");
  const fs::path file = fs::path(folder) / weights.at("file").get<std::string>();
  const std::string bytes = read_file(file);
  const std::string expected = weights.at("sha256");
  if (const std::string found = sha256(bytes); found != expected) {
    throw UserError(fmt::format("{}: SHA-256 is {}, the record says {}; run the parent again",
                                file.string(), found, expected));
  }
  unpack_weights(bytes, encoder.layout(), encoder.parameters());
  encoder.fill_positions();
}

}  // namespace posbench
