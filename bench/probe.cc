// probe: how much of a token's position a linear map reads off a position table, or off the states
// between the layers of a trained encoder.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/sha256.h"
#include "harness.h"
#include "task/probe.h"
#include "trained.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kExamples =
    "  probe --encoding sinusoid --hidden 768 --length 512\n"
    "      the table before any training, beside random tables\n"
    "  probe --init TRIAL --out out/mine\n"
    "      table and layers of a training of `accuracy` that kept its weights there\n";

// Below four rows a band, of which two fit, one chooses and one scores, a table's bands say
// nothing.
constexpr int kLeastLength = 4 * kBands;

// What an encoding adds to vectors of zeros at positions 0 … length − 1; empty rows where it adds
// nothing to the input.
ProbeRows table_rows(const Encoding<float>& encoding, const float* values, int hidden, int length) {
  ProbeRows rows;
  rows.hidden = static_cast<std::size_t>(hidden);
  rows.length = length;
  for (int t = 0; t < length; ++t) {
    rows.positions.push_back(t);
    rows.groups.push_back(static_cast<std::uint32_t>(t));
  }
  std::vector<float> x(static_cast<std::size_t>(length) * rows.hidden, 0.0F);
  encoding.forward(values, rows.positions, x.data());
  if (std::any_of(x.begin(), x.end(), [](float value) { return value != 0; })) {
    rows.vectors.assign(x.begin(), x.end());
  }
  return rows;
}

json score_of(const ProbeRows& rows, std::uint64_t seed) {
  const ProbeScore score = probe_positions(rows, seed);
  return {{"r2", score.r2}, {"band_accuracy", score.band_accuracy}, {"strength", score.strength}};
}

// Beside the rows: what random ones give.
json with_null(const ProbeRows& rows, const json& spec) {
  if (rows.vectors.empty()) return nullptr;
  json result = score_of(rows, spec.at("seed"));
  result["random"] = json::array();
  for (std::uint64_t draw = 0; draw < spec.at("draws").get<std::uint64_t>(); ++draw) {
    result["random"].push_back(score_of(random_rows(rows, draw), spec.at("seed")));
  }
  return result;
}

json initial_table(const json& spec) {
  const std::string name = spec.at("encoding");
  EncodingOptions options;
  options.convention = spec.at("convention");
  options.hidden = spec.at("hidden");
  options.max_length = spec.at("length");
  options.position_rms = spec.at("position_rms");
  options.seed = spec.at("seed");
  const auto encoding = make_encoding<float>(name, options);
  std::vector<float> values(encoding->shared_size().count());
  encoding->initialize(values.data());
  const json table =
      with_null(table_rows(*encoding, values.data(), options.hidden, options.max_length), spec);
  if (table.is_null()) {
    throw UserError(fmt::format(
        "encoding '{}' adds nothing to the input, so it has no table to probe; train it with "
        "`accuracy --keep-weights true` and probe its layers with --init",
        name));
  }
  return table;
}

// States of the test side's first texts, a group each, until there are tokens enough.
std::vector<ProbeRows> state_rows(Encoder<float>& encoder, const TaskData& data) {
  constexpr std::size_t kTokens = 20000;
  const auto hidden = static_cast<std::size_t>(encoder.shape().hidden);
  std::vector<ProbeRows> layers(static_cast<std::size_t>(encoder.shape().layers));
  const TextContext text{data.dataset, *data.tokenizer, encoder.system(), data.max_length};
  std::uint32_t group = 0;
  std::size_t tokens = 0;
  int length = 0;
  for (const std::uint32_t index : data.split.test) {
    if (tokens > kTokens) break;
    Batch batch;
    Random noise(index, "asked");
    data.task->append(data.dataset.examples[index], text, noise, batch);
    if (batch.rows.empty()) continue;
    const auto states = encoder.hidden_states(batch);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      layers[i].hidden = hidden;
      layers[i].vectors.insert(layers[i].vectors.end(), states[i].begin(), states[i].end());
      layers[i].positions.insert(layers[i].positions.end(), batch.positions.begin(),
                                 batch.positions.end());
      layers[i].groups.insert(layers[i].groups.end(), batch.size(), group);
    }
    length =
        std::max(length, 1 + *std::max_element(batch.positions.begin(), batch.positions.end()));
    tokens += batch.size();
    ++group;
  }
  for (ProbeRows& rows : layers) rows.length = length;
  return layers;
}

json trained(const json& spec, const std::string& folder) {
  const std::string parent = spec.at("init");
  if (folder.empty()) {
    throw UserError("--init names a trial of a run directory; say which with --out");
  }
  const json training = parent_record(parent, folder).at("spec");
  const TaskData data = load_data(training, folder);
  Encoder<float> encoder = make_encoder(training, data);
  load_parent(encoder, parent, folder);
  json table = nullptr;
  for (const Parameter& part : encoder.layout().parts()) {
    if (part.name != "position" ||
        part.columns != static_cast<std::size_t>(encoder.shape().hidden) ||
        part.rows < kLeastLength) {
      continue;
    }
    const auto encoding =
        make_encoding<float>(training.at("encoding"), encoding_options(encoder_options(training)));
    table = with_null(table_rows(*encoding, encoder.parameters().data() + part.offset,
                                 encoder.shape().hidden, static_cast<int>(part.rows)),
                      spec);
  }
  json layers = json::array();
  for (const ProbeRows& rows : state_rows(encoder, data)) layers.push_back(with_null(rows, spec));
  return {{"table", table}, {"layers", layers}};
}

json run(const json& spec, const std::string& folder) {
  if (const auto draws = spec.at("draws").get<std::int64_t>(); draws < 1) {
    throw UserError(fmt::format(
        "draws must be at least 1: a score means something beside random rows; got {}", draws));
  }
  if (!spec.at("init").get<std::string>().empty()) return trained(spec, folder);
  if (const auto length = spec.at("length").get<std::int64_t>(); length < kLeastLength) {
    throw UserError(
        fmt::format("length must be at least {}, four rows a band; got {}", kLeastLength, length));
  }
  return {{"table", initial_table(spec)}, {"layers", json::array()}};
}

// What is read off a short table of the same words; one for all seeds, as the study runner asks.
std::string fingerprint(const json& spec) {
  json probed = spec;
  probed["length"] = kLeastLength;
  probed["draws"] = 1;
  probed["seed"] = 0;
  return sha256(initial_table(probed).dump());
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "probe",
      "reads positions off a table, or off the layers of a trained encoder, by linear probes",
      posbench::kExamples,
      {Key{"arm", "learned", "name of the arm in its study"},
       Key{"encoding", "learned", "see `posbench list encodings`; one that adds to the input"},
       Key{"convention", "", "which function goes by the encoding's name; empty: its first"},
       Key{"position_rms", 0.0, "scale of the table; 0 = the encoding's own"},
       Key{"hidden", 768, "hidden size d"}, Key{"length", 512, "rows of the table, at least 64"},
       Key{"draws", 5, "random tables beside it"},
       Key{"init", "", "id of a trial of `accuracy` in --out: its table and layers instead"},
       Key{"seed", 0, "draws the table and which rows fit, choose and score"}},
      posbench::no_datasets,
      posbench::fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
