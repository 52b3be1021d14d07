// accuracy: trains one encoder on one task with one seed and scores it. One trial, one process, one
// thread: the same bits whenever it is repeated on one instruction set.
#include <dnnl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "encoder/weights.h"
#include "harness.h"
#include "kernel/isa.h"
#include "trained.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

constexpr auto kExamples =
    "  accuracy --task tagging --dataset brown_pos --encoding learned --steps 100\n"
    "      trains for 100 steps and prints the record\n"
    "  accuracy --encoding sinusoid --position-rms 0.1 --seed 7 --out out/mine\n"
    "      keeps the record under out/mine/trials/\n"
    "  accuracy --system gpt --encoding rope --task classification --dataset wordnet_gloss\n"
    "      a causal decoder with rotated queries and keys\n";

TrainingOptions training_options(const json& spec) {
  TrainingOptions options;
  options.optimizer.learning_rate = spec.at("learning_rate");
  options.optimizer.warmup = spec.at("warmup");
  options.optimizer.steps = spec.at("steps");
  options.optimizer.weight_decay = spec.at("weight_decay");
  options.token_dropout = spec.at("token_dropout");
  options.batch_tokens = spec.at("batch_tokens");
  options.seed = spec.at("seed");
  if (options.optimizer.steps < 1) throw UserError("steps must be at least 1");
  if (options.batch_tokens < 1) throw UserError("batch_tokens must be at least 1");
  if (!(options.token_dropout >= 0 && options.token_dropout < 1)) {
    throw UserError(fmt::format("token_dropout is {}; it is a probability from 0 to below 1",
                                options.token_dropout));
  }
  return options;
}

// Asked first of all, so it also reads the other words of the spec: whoever mistypes an encoding on
// a machine without the data should hear of the typing error.
json datasets(const json& spec) {
  const EncoderOptions options = encoder_options(spec);
  require_possible(options);
  make_task(spec.at("task"))->require_possible(find_system(options.system));
  EncodingOptions smallest = encoding_options(options);
  smallest.max_length = 1;
  make_encoding<float>(options.encoding, smallest);
  const std::string name = spec.at("dataset");
  return {{name, dataset_digest(name)}};
}

// A short training of this arm, task and shape, always with the same seed, on the real data:
// whatever in the readers, the vocabulary, the encoder or the libraries changes what a trial
// computes changes these losses.
std::string fingerprint(const json& spec) {
  constexpr int kSteps = 3;
  constexpr std::size_t kScored = 32;
  json probe = spec;
  probe["seed"] = 0;
  TrainingOptions options = training_options(probe);
  options.optimizer.steps = kSteps;
  TaskData data = load_data(probe);
  data.split.dev.resize(std::min(kScored, data.split.dev.size()));
  Encoder<float> encoder = make_encoder(probe, data);
  options.curve_points = kSteps;
  const TrainingOutcome outcome = train(encoder, data, options);
  const dnnl_version_t* onednn = dnnl_version();
  std::string behaviour = fmt::format("{} oneDNN {}.{}.{}\n", effective_isa(), onednn->major,
                                      onednn->minor, onednn->patch);
  for (const CurvePoint& point : outcome.curve) {
    behaviour += fmt::format("{:x} {:x}\n", std::bit_cast<std::uint64_t>(point.train_loss),
                             std::bit_cast<std::uint64_t>(point.dev_loss));
  }
  return sha256(behaviour);
}

json summary(const Evaluation& evaluation) {
  return {{"loss", evaluation.loss},
          {"accuracy", evaluation.accuracy},
          {"scores", evaluation.scores},
          {"examples", evaluation.units.size()}};
}

// Loss by position: mean nats and count of each position that occurs.
json by_position(const std::vector<Unit>& units) {
  std::map<std::int32_t, std::pair<double, std::int64_t>> sums;
  for (const Unit& unit : units) {
    auto& [loss, n] = sums[unit.position];
    loss += static_cast<double>(unit.loss);
    ++n;
  }
  json rows = json::array();
  for (const auto& [position, sum] : sums) {
    rows.push_back({{"position", position},
                    {"loss", sum.first / static_cast<double>(sum.second)},
                    {"n", sum.second}});
  }
  return rows;
}

// One bit for each unit, least significant bit first, in base64: what a paired test resamples
// tomorrow.
json correctness(const std::vector<Unit>& units) {
  json documents = json::array(), counts = json::array();
  std::vector<unsigned char> bits((units.size() + 7) / 8, 0);
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (i == 0 || units[i].document != units[i - 1].document) {
      documents.push_back(units[i].document);
      counts.push_back(0);
    }
    counts.back() = counts.back().get<int>() + 1;
    if (units[i].correct) bits[i / 8] = static_cast<unsigned char>(bits[i / 8] | 1u << (i % 8));
  }
  std::string text(4 * ((bits.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bits.data(),
                                     static_cast<int>(bits.size()));
  text.resize(static_cast<std::size_t>(length));
  return {{"documents", documents}, {"units_per_document", counts}, {"correct", text}};
}

// Weights are kept beside the records, named by their own digest, outside git.
json keep_weights(const Encoder<float>& encoder, const std::string& folder) {
  const std::string bytes = pack_weights(encoder.layout(), encoder.parameters());
  const std::string digest = sha256(bytes);
  const std::string file = fmt::format("weights/{}.bin", digest);
  fs::create_directories(fs::path(folder) / "weights");
  write_file_atomically(fs::path(folder) / file, bytes);
  return {{"file", file}, {"sha256", digest}};
}

json theory_of(const Dataset& dataset) {
  if (!dataset.theory) return nullptr;
  return {{"chance", dataset.theory->chance},
          {"allowed", dataset.theory->allowed},
          {"reason", dataset.theory->reason}};
}

json run(const json& spec, const std::string& folder) {
  const TaskData data = load_data(spec, folder);
  Encoder<float> encoder = make_encoder(spec, data);
  if (const std::string parent = spec.at("init"); !parent.empty()) {
    load_parent(encoder, parent, folder);
  }
  const TrainingOutcome outcome = train(encoder, data, training_options(spec));
  json result = {{"parameters", encoder.layout().count()},
                 {"position_parameters", encoder.layout().count("position")},
                 {"stopped", nullptr},
                 {"curve", json::array()},
                 {"split", data.split_index},
                 {"vocabulary_digest", data.tokenizer->digest()},
                 {"metric", data.task->metric(data.dataset)},
                 {"theory", theory_of(data.dataset)},
                 {"unseen_labels", data.unseen_labels()},
                 {"longer", json::array()},
                 {"weights", nullptr}};
  for (const CurvePoint& point : outcome.curve) {
    result["curve"].push_back({{"step", point.step},
                               {"tokens", point.tokens},
                               {"train_loss", point.train_loss},
                               {"dev_loss", point.dev_loss},
                               {"dev_accuracy", point.dev_accuracy}});
  }
  // A training that broke off has no scores: what it would say is noise.
  if (outcome.stopped_at) {
    result["stopped"] = {{"step", *outcome.stopped_at}, {"reason", "the loss is not finite"}};
    return result;
  }
  const Evaluation test = evaluate(encoder, data, data.split.test);
  result["dev"] = summary(evaluate(encoder, data, data.split.dev));
  result["test"] = summary(test);
  for (const NamedExamples& longer : data.split.longer) {
    json scored = summary(evaluate(encoder, data, longer.examples));
    scored["name"] = longer.name;
    result["longer"].push_back(scored);
  }
  result["loss_by_position"] = by_position(test.units);
  result["test_units"] = correctness(test.units);
  if (spec.at("keep_weights")) {
    if (folder.empty()) throw UserError("keep_weights needs --out, a folder to keep them in");
    result["weights"] = keep_weights(encoder, folder);
  }
  return result;
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "accuracy",
      "trains a small encoder with one position encoding on one task and scores it",
      posbench::kExamples,
      {
          Key{"arm", "learned", "name of the arm in its study"},
          Key{"task", "tagging", "see `posbench list tasks`"},
          Key{"dataset", "brown_pos",
              "see `posbench list datasets`, or the path of your own manifest (.toml)"},
          Key{"system", "encoder",
              "see `posbench list systems`; which encoding is theirs stands there"},
          Key{"window", 256, "of systems with one: keys that a query sees on each side"},
          Key{"globals", 1,
              "of systems with a window: first rows that see all and are seen by all"},
          Key{"encoding", "learned", "see `posbench list encodings`"},
          Key{"convention", "",
              "which function goes by the encoding's name (posbench list encodings); empty: its "
              "first"},
          Key{"producer", "table", "sinusoid: how it is made; table trains fastest"},
          Key{"position_rms", 0.0, "scale of the positions at the start; 0 = the encoding's own"},
          Key{"trained_length", 0,
              "learned: first rows that training is to reach; 0 = the system's, mostly all"},
          Key{"fill", "",
              "learned: how the other rows start: random, clamp, tile, interpolate; empty: the "
              "system's"},
          Key{"token_rms", 0.02, "scale of the token vectors at the start"},
          Key{"learning_rate", 0.001, "peak of AdamW's rate"},
          Key{"hidden", 128, "hidden size d"},
          Key{"layers", 2, "encoder layers"},
          Key{"heads", 4, "attention heads H"},
          Key{"feed_forward", 512, "inner size of the feed-forward part"},
          Key{"max_length", 128, "longest sequence L; rows of a learned table"},
          Key{"precision", "f32", "of matrix products: f32, or bf16 (needs AVX-512)"},
          Key{"dropout", 0.0, "probability of dropout when training"},
          Key{"tokenizer", "words", "words, word_features, bpe or wordpiece"},
          Key{"vocabulary", 8000, "most rows of the token table"},
          Key{"tokenizer_file", "", "wordpiece: a BERT vocab.txt instead of learning one"},
          Key{"stream", "documents",
              "language models: documents (rows of running text) or shuffled (sentences in a "
              "random "
              "order)"},
          Key{"steps", 300, "training steps"},
          Key{"batch_tokens", 2048, "tokens of a batch"},
          Key{"weight_decay", 0.01, "AdamW's, on matrices"},
          Key{"token_dropout", 0.0, "share of words that are read as unknown when training"},
          Key{"warmup", 0.1, "share of the steps with a rising rate"},
          Key{"init", "", "id of a parent trial in --out whose weights start this one"},
          Key{"keep_weights", false, "keep the trained weights for child trials"},
          Key{"seed", 0, "draws the split, the initial weights and the order of the data"},
      },
      posbench::datasets,
      posbench::fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
