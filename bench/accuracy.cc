// accuracy: trains one encoder on one task with one seed and scores it. One trial, one process, one
// thread: the same bits whenever it is repeated on one instruction set.
#include <dnnl.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <cmath>
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
  options.optimizer.freeze_positions = spec.at("freeze_positions");
  options.curve_points = spec.at("curve_points");
  options.short_length = spec.at("short_length");
  options.short_share = spec.at("short_share");
  if (options.optimizer.steps < 0) throw UserError("steps must be at least 0");
  if (options.curve_points < 1) throw UserError("curve_points must be at least 1");
  if (options.short_length < 0) throw UserError("short_length must be at least 0");
  if (!(options.short_share >= 0 && options.short_share <= 1)) {
    throw UserError(
        fmt::format("short_share is {}; it is a share from 0 to 1", options.short_share));
  }
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

// The documents in the order of their units, as `headline` has them.
json documents_of(const std::vector<Unit>& units) {
  json documents = json::array();
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (i == 0 || units[i].document != units[i - 1].document) {
      documents.push_back(units[i].document);
    }
  }
  return documents;
}

// One bit for each unit, least significant bit first, in base64: what a paired test resamples
// tomorrow.
json correctness(const std::vector<Unit>& units) {
  json counts = json::array();
  std::vector<unsigned char> bits((units.size() + 7) / 8, 0);
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (i == 0 || units[i].document != units[i - 1].document) counts.push_back(0);
    counts.back() = counts.back().get<int>() + 1;
    if (units[i].correct) bits[i / 8] = static_cast<unsigned char>(bits[i / 8] | 1u << (i % 8));
  }
  std::string text(4 * ((bits.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bits.data(),
                                     static_cast<int>(bits.size()));
  text.resize(static_cast<std::size_t>(length));
  return {{"documents", documents_of(units)}, {"units_per_document", counts}, {"correct", text}};
}

// The headline of each document as a sum and a count: what a bootstrap resamples.
json headline(const TaskData& data, const std::vector<Unit>& units) {
  json sums = json::array(), counts = json::array();
  for (std::size_t first = 0, i = 1; i <= units.size(); ++i) {
    if (i < units.size() && units[i].document == units[first].document) continue;
    const Quotient quotient =
        data.task->headline(data.dataset, std::span(units).subspan(first, i - first));
    sums.push_back(quotient.sum);
    counts.push_back(quotient.count);
    first = i;
  }
  return {{"sums", sums}, {"counts", counts}};
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

// How far training has moved the position table, as a share of its length: ‖P − P₀‖ / ‖P₀‖; null
// where none is trained.
json positions_moved(const Encoder<float>& encoder, const Buffer<float>& start) {
  for (const Parameter& part : encoder.layout().parts()) {
    if (part.name != "position" || part.size() == 0) continue;
    double moved = 0, length = 0;
    for (std::size_t i = part.offset; i < part.offset + part.size(); ++i) {
      const double before = static_cast<double>(start[i]);
      const double change = static_cast<double>(encoder.parameters()[i]) - before;
      moved += change * change;
      length += before * before;
    }
    return std::sqrt(moved / length);
  }
  return nullptr;
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
  const std::string parent = spec.at("init");
  if (!parent.empty()) load_parent(encoder, parent, folder);
  const TrainingOptions options = training_options(spec);
  if (options.optimizer.steps == 0 && parent.empty()) {
    throw UserError("steps is 0, which only scores; name the trial to score with init");
  }
  const Buffer<float> start = encoder.parameters();
  TrainingOutcome outcome;
  if (options.optimizer.steps > 0) outcome = train(encoder, data, options);
  json result = {{"parameters", encoder.layout().count()},
                 {"position_parameters", encoder.layout().count("position")},
                 {"positions_moved", positions_moved(encoder, start)},
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
  const int shift = spec.at("position_shift");
  const Evaluation test = evaluate(encoder, data, data.split.test, shift);
  result["dev"] = summary(evaluate(encoder, data, data.split.dev, shift));
  result["test"] = summary(test);
  for (const NamedExamples& longer : data.split.longer) {
    const Evaluation evaluation = evaluate(encoder, data, longer.examples, shift);
    json scored = summary(evaluation);
    scored["name"] = longer.name;
    scored["loss_by_position"] = by_position(evaluation.units);
    scored["documents"] = documents_of(evaluation.units);
    scored["headline"] = headline(data, evaluation.units);
    result["longer"].push_back(scored);
  }
  result["loss_by_position"] = by_position(test.units);
  result["test_units"] = correctness(test.units);
  // The share of correct units, bit by bit, is there already.
  const bool is_share = data.task->metric(data.dataset) == "accuracy";
  result["test_units"]["headline"] = is_share ? json() : headline(data, test.units);
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
              "first positions that training is to reach; language models are trained on rows so "
              "long, and scored on longer ones too; 0 = the system's, mostly all"},
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
          Key{"memory", 0,
              "language models, transformer_xl: rows of earlier text that stay in view; max_length "
              "holds them too"},
          Key{"steps", 300, "training steps; 0 with init: score only"},
          Key{"batch_tokens", 2048, "tokens of a batch"},
          Key{"weight_decay", 0.01, "AdamW's, on matrices"},
          Key{"token_dropout", 0.0, "share of words that are read as unknown when training"},
          Key{"warmup", 0.1, "share of the steps with a rising rate"},
          Key{"short_length", 0,
              "rows of each text that the first steps see; 0: all, always (BERT: 128 of 512)"},
          Key{"short_share", 0.9, "share of the steps that see short rows"},
          Key{"freeze_positions", false, "the encoding's own values are not trained"},
          Key{"position_shift", 0, "scoring counts positions from this number on"},
          Key{"curve_points", 12, "points of the learning curve"},
          Key{"init", "", "id of a parent trial in --out whose weights start this one"},
          Key{"keep_weights", false, "keep the trained weights for child trials"},
          Key{"seed", 0, "draws the split, the initial weights and the order of the data"},
      },
      posbench::datasets,
      posbench::fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
