// memory_cost: the bytes of a position encoding, by arithmetic and measured, and the share that
// position parameters have in published models.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "base/error.h"
#include "base/nearest.h"
#include "base/sha256.h"
#include "harness.h"
#include "memory_cost/exact.h"
#include "memory_cost/model_size.h"
#include "memory_cost/training_state.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kExamples =
    "  memory_cost --encoding learned --hidden 768 --length 512\n"
    "      bytes of BERT-base's position table with its training state\n"
    "  memory_cost --measure model --hidden 768 --layers 12 --positions 512\n"
    "      the share of the position table in BERT-base's parameters\n";

// Heads of 64, as BERT has them.
EncodingOptions encoding_options(const json& spec) {
  const int hidden = spec.at("hidden"), heads = spec.at("heads");
  return {.convention = spec.at("convention"),
          .producer = spec.at("producer"),
          .hidden = hidden,
          .heads = heads == 0 ? std::max(1, hidden / 64) : heads,
          .layers = spec.at("layers"),
          .max_length = spec.at("length")};
}

ExactBytes exact_of(const json& spec) {
  return exact_bytes(spec.at("encoding"), encoding_options(spec));
}

ModelShape model_of(const json& spec) {
  return {.vocabulary = spec.at("vocabulary"),
          .positions = spec.at("positions"),
          .types = spec.at("types"),
          .hidden = spec.at("hidden"),
          .layers = spec.at("layers"),
          .feed_forward = spec.at("feed_forward"),
          .pooler = spec.at("pooler"),
          .tied = spec.at("tied")};
}

// The encodings' own code is asked here, so that a wrong name is refused before any trial has an
// id.
std::unique_ptr<Encoding<float>> shortest_encoding(const json& spec) {
  EncodingOptions options = encoding_options(spec);
  options.max_length = 1;
  return make_encoding<float>(spec.at("encoding"), options);
}

json run_model(const json& spec) {
  const bool trained = shortest_encoding(spec)->shared_size().count() > 0;
  const ModelSize size = model_size(model_of(spec), trained);
  return {{"total_parameters", size.total},
          {"position_parameters", size.position},
          {"share", static_cast<double>(size.position) / static_cast<double>(size.total)},
          // In f32: value, gradient and AdamW's two moments.
          {"training_state_bytes", 16 * size.total}};
}

// What separates the two counts is small and of known kinds; anything larger is a mistake in one of
// them.
std::string explain(std::int64_t difference, const MeasuredBytes& measured) {
  const auto library = static_cast<std::int64_t>(measured.library.value_or(0));
  const std::int64_t largest = measured.library ? 16 * 1024 : 1024;
  if (std::abs(difference - library) > largest) {
    throw std::runtime_error(
        fmt::format("measured and exact bytes differ by {}, which nothing explains", difference));
  }
  if (difference == 0) return "none";
  if (measured.library) {
    return fmt::format(
        "{} bytes of working memory that oneDNN asks for its products, the descriptions of these "
        "products, and the encoding's own object; resident size counts whole pages",
        library);
  }
  return "the encoding's own object, and constants padded to whole vectors of 16 floats; resident "
         "size "
         "counts whole pages";
}

json run_encoding(const json& spec) {
  const ExactBytes exact = exact_of(spec);
  const MeasuredBytes measured =
      measure_training_state(spec.at("encoding"), encoding_options(spec));
  const auto difference =
      static_cast<std::int64_t>(measured.allocated) - static_cast<std::int64_t>(exact.total());
  return {{"exact",
           {{"parameters", exact.parameters},
            {"parameter_bytes", exact.parameter_bytes()},
            {"gradient_bytes", exact.gradient_bytes()},
            {"optimizer_bytes", exact.optimizer_bytes()},
            {"table_bytes", exact.table},
            {"scratch_bytes", exact.scratch},
            {"activation_bytes", exact.activation},
            {"total_bytes", exact.total()}}},
          {"measured",
           {{"allocated_bytes", measured.allocated},
            {"library_bytes", measured.library.value_or(0)},
            {"peak_rss_bytes", measured.peak_rss}}},
          {"difference_bytes", difference},
          {"explanation", explain(difference, measured)}};
}

bool is_model(const json& spec) {
  const std::string measure = spec.at("measure");
  if (measure != "model" && measure != "encoding") {
    throw UserError(unknown_word("measure", measure, {"encoding", "model"}));
  }
  return measure == "model";
}

// Bytes by arithmetic are what the trial is about; they name its behaviour too. They are the same
// for every instruction set and seed.
std::string fingerprint(const json& spec) {
  shortest_encoding(spec);
  if (is_model(spec)) return sha256(run_model(spec).dump());
  json asked = spec;
  asked.erase("isa");
  asked["seed"] = 0;
  return sha256(fmt::format("{} of {}", exact_of(spec).total(), asked.dump()));
}

json run(const json& spec, const std::string& /*folder*/) {
  return is_model(spec) ? run_model(spec) : run_encoding(spec);
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "memory_cost",
      "bytes of a position encoding with its training state, by arithmetic and measured; or the "
      "share "
      "of position parameters in a whole model",
      posbench::kExamples,
      {
          Key{"arm", "learned", "name of the arm in its study"},
          Key{"measure", "encoding", "encoding: bytes of one encoding; model: share in a model"},
          Key{"encoding", "learned", "see `posbench list encodings`"},
          Key{"producer", "table", "sinusoid: how it is made"},
          Key{"convention", "",
              "which function goes by the encoding's name (posbench list encodings); empty: its "
              "first"},
          Key{"hidden", 768, "hidden size d"},
          Key{"length", 512, "encoding: sequence length L"},
          Key{"vocabulary", 30522, "model: word table's rows"},
          Key{"positions", 512, "model: position table's rows"},
          Key{"types", 2, "model: segment table's rows, 0 for GPT-2"},
          Key{"layers", 12, "layers; encoding: how many have values of their own, where they do"},
          Key{"heads", 0, "encoding: attention heads H; 0 = one for each 64 of d"},
          Key{"feed_forward", 3072, "model: inner size of the feed-forward part"},
          Key{"pooler", true, "model: has BERT's pooler"},
          Key{"tied", true, "model: the output layer shares the word table"},
          Key{"seed", 0, "number of the process"},
      },
      posbench::no_datasets,
      posbench::fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
