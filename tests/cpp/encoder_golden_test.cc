// The encoder, its systems and encodings, and the optimizer against files made with PyTorch
// (tests/golden/make_encoder_golden.py and make_system_golden.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "encoder/optimizer.h"
#include "encoder/systems.h"
#include "encoder_helpers.h"
#include "json_printing.h"
#include "kernel/vector_ops.h"

namespace posbench {
namespace {
using nlohmann::json;
using Doubles = std::vector<double>;

json golden(const std::string& name) {
  return json::parse(read_file(std::string(GOLDEN_DIR) + "/" + name + ".json"));
}

EncoderOptions options_of(const json& file) {
  EncoderOptions options;
  const json& shape = file.at("shape");
  options.shape = {.vocabulary = shape.at("vocabulary"),
                   .classes = shape.at("classes"),
                   .hidden = shape.at("hidden"),
                   .layers = shape.at("layers"),
                   .heads = shape.at("heads"),
                   .feed_forward = shape.at("feed_forward"),
                   .max_length = shape.at("max_length"),
                   .window = shape.value("window", 0),
                   .globals = shape.value("globals", 0)};
  options.system = file.value("system", "encoder");
  options.encoding = file.at("encoding");
  if (!find_encoding(options.encoding).conventions.empty()) {
    options.convention = file.at("convention");
  }
  options.position_rms = file.at("position_rms");
  return options;
}

Batch batch_of(const json& file) {
  Batch batch;
  for (std::size_t s = 0; s < file.at("sequences").size(); ++s) {
    append_sequence(batch, file.at("sequences")[s], file.at("labels")[s]);
  }
  for (const auto& of_sequence : file.value("segments", json::array())) {
    for (const std::int32_t segment : of_sequence) batch.segments.push_back(segment);
  }
  return batch;
}

// Every number within `tolerance` of the largest expected one: gradients that are zero in theory,
// as those of the keys' biases, are rounding in both.
template <class Real>
void expect_close(const Real* found, const Doubles& expected, double tolerance,
                  const std::string& what) {
  double scale = 1e-3;
  for (const double value : expected) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(found[i]), expected[i], tolerance * scale) << what << " " << i;
  }
}

// Number i of a parameter that the file leaves to a formula: FNV-1a's hash of the name and the
// number, mixed as MurmurHash3 ends.
double by_formula(const std::string& name, std::size_t i) {
  std::uint32_t x = 2166136261u;
  for (const char letter : name) x = (x ^ static_cast<std::uint8_t>(letter)) * 16777619u;
  x ^= static_cast<std::uint32_t>(i) * 2654435761u;
  x = (x ^ x >> 16) * 0x85EBCA6Bu;
  x = (x ^ x >> 13) * 0xC2B2AE35u;
  x ^= x >> 16;
  return (static_cast<double>(x % 129) - 64) / 64;
}

Doubles parameter_of(const json& file, const Parameter& part) {
  if (file.contains("parameters")) return file.at("parameters").at(part.name);
  Doubles values(part.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = by_formula(part.name, i);
  return values;
}

template <class Real>
void agrees_with_pytorch(const std::string& name, double tolerance) {
  SCOPED_TRACE(name);
  const json file = golden(name);
  Encoder<Real> encoder(options_of(file));
  std::size_t parts = 0;
  for (const Parameter& part : encoder.layout().parts()) {
    if (part.size() == 0) continue;  // positions of an encoding without parameters
    const Doubles values = parameter_of(file, part);
    ASSERT_EQ(values.size(), part.size()) << part.name;
    for (std::size_t i = 0; i < values.size(); ++i) {
      encoder.parameters()[part.offset + i] = static_cast<Real>(values[i]);
    }
    ++parts;
  }
  ASSERT_EQ(parts, file.at("gradients").size());

  encoder.parameters_changed();

  const Batch batch = batch_of(file);
  std::optional<LayerStates<Real>> states;
  if (file.contains("before") && !file.at("before").empty()) {
    states.emplace(encoder.shape(), batch.sequences(), file.at("memory"));
    Batch before;
    for (const auto& tokens : file.at("before")) {
      append_sequence(before, tokens, std::vector<std::int32_t>(tokens.size(), 0));
    }
    encoder.forward(before, &*states);
  }
  // Each of the two passes begins where the text before has ended.
  std::optional<LayerStates<Real>> kept = states;
  const Real* logits = encoder.forward(batch, kept ? &*kept : nullptr);
  expect_close(logits, file.at("logits").get<Doubles>(), tolerance, "logit");
  const double loss = encoder.loss_and_gradients(batch, states ? &*states : nullptr);
  EXPECT_NEAR(loss, file.at("loss").get<double>(), tolerance);
  for (const Parameter& part : encoder.layout().parts()) {
    if (part.size() == 0) continue;
    expect_close(encoder.gradients().data() + part.offset,
                 file.at("gradients").at(part.name).get<Doubles>(), tolerance, part.name);
  }
}

class GoldenEncoder : public testing::TestWithParam<std::string> {};

TEST_P(GoldenEncoder, AgreesInDouble) { agrees_with_pytorch<double>(GetParam(), 1e-11); }

TEST_P(GoldenEncoder, AgreesInFloat) { agrees_with_pytorch<float>(GetParam(), 1e-5); }

std::vector<std::string> pairs() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(GOLDEN_DIR "/pairs")) {
    names.push_back(file.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

class GoldenPair : public testing::TestWithParam<std::string> {};

// Files of pairs have nine digits.
TEST_P(GoldenPair, AgreesWithThePapersFormulae) {
  agrees_with_pytorch<double>("pairs/" + GetParam(), 1e-8);
  agrees_with_pytorch<float>("pairs/" + GetParam(), 2e-5);
}

INSTANTIATE_TEST_SUITE_P(PyTorch, GoldenPair, testing::ValuesIn(pairs()), [](const auto& which) {
  std::string name = which.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

// Fixed random rows come from our own generator; the next test is theirs.
TEST(GoldenPair, ThereIsOneForEveryEncodingInEverySystemThatCanHaveIt) {
  std::set<std::pair<std::string, std::string>> found;
  std::set<std::pair<std::string, std::string>> conventions;
  for (const std::string& name : pairs()) {
    const EncoderOptions options = options_of(golden("pairs/" + name));
    found.insert({options.system, options.encoding});
    conventions.insert({options.encoding, options.convention});
  }
  for (const EncodingAbout& encoding : encodings()) {
    if (encoding.name == "random_frozen") continue;
    for (const std::string& convention : encoding.conventions) {
      EXPECT_TRUE(conventions.contains({encoding.name, convention})) << encoding.name << convention;
    }
    for (const EncoderSystem& system : systems()) {
      bool sensible = true;
      try {
        require_sensible(system, encoding);
      } catch (const UserError&) {
        sensible = false;
      }
      EXPECT_EQ(found.contains({std::string(system.name), encoding.name}), sensible)
          << system.name << " with " << encoding.name;
    }
  }
}

TEST(GoldenPair, FixedRandomRowsAreALearnedTableThatHoldsThem) {
  for (const EncoderSystem& system : systems()) {
    if (system.has_memory) continue;
    SCOPED_TRACE(system.name);
    const EncoderOptions options = tiny_system(std::string(system.name), "random_frozen");
    Encoder<double> frozen(options), learned(tiny_system(std::string(system.name), "learned"));
    Doubles rows(learned.layout().count("position"));
    std::vector<std::int32_t> positions(static_cast<std::size_t>(options.shape.max_length));
    std::iota(positions.begin(), positions.end(), 0);
    make_encoding<double>("random_frozen", encoding_options(options))
        ->forward(nullptr, positions, rows.data());
    for (const Parameter& part : frozen.layout().parts()) {
      for (const Parameter& same : learned.layout().parts()) {
        if (same.name != part.name) continue;
        std::copy_n(frozen.parameters().data() + part.offset, part.size(),
                    learned.parameters().data() + same.offset);
      }
    }
    for (const Parameter& part : learned.layout().parts()) {
      if (part.name == "position") std::ranges::copy(rows, &learned.parameters()[part.offset]);
    }
    const Batch batch = packed_batch();
    EXPECT_NEAR(frozen.loss_and_gradients(batch), learned.loss_and_gradients(batch), 1e-14);
    for (const Parameter& part : frozen.layout().parts()) {
      for (const Parameter& same : learned.layout().parts()) {
        if (same.name != part.name || part.name == "position") continue;
        expect_close(frozen.gradients().data() + part.offset,
                     Doubles(learned.gradients().data() + same.offset,
                             learned.gradients().data() + same.offset + same.size()),
                     1e-12, part.name);
      }
    }
  }
}

class GoldenSystem : public testing::TestWithParam<std::string> {};

TEST_P(GoldenSystem, AgreesWithItsPaper) {
  agrees_with_pytorch<double>(GetParam(), 1e-11);
  agrees_with_pytorch<float>(GetParam(), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(PyTorch, GoldenSystem,
                         testing::Values("encoder_vaswani", "encoder_bert", "encoder_gpt",
                                         "encoder_gpt_with_own_head", "encoder_transformer_xl",
                                         "encoder_longformer"),
                         [](const auto& which) { return which.param; });

INSTANTIATE_TEST_SUITE_P(PyTorch, GoldenEncoder,
                         testing::Values("encoder_learned", "encoder_sinusoid_interleaved",
                                         "encoder_sinusoid_tensor2tensor",
                                         "encoder_sinusoid_trainable", "encoder_none"),
                         [](const auto& which) { return which.param; });

// A trained start: the table of sinusoid_trainable is PyTorch's sinusoid too.
TEST(GoldenEncoder, TrainableSinusoidStartsWhereTheFileStarts) {
  const json file = golden("encoder_sinusoid_trainable");
  const Encoder<float> encoder(options_of(file));
  for (const Parameter& part : encoder.layout().parts()) {
    if (part.name != "position") continue;
    expect_close(encoder.parameters().data() + part.offset,
                 file.at("parameters").at("position").get<Doubles>(), 1e-7, "position");
  }
}

// The layout of the golden steps: a matrix that decays and a vector that does not.
struct GoldenSteps {
  json file = golden("adamw");
  ParameterLayout layout;
  OptimizerOptions options;

  GoldenSteps() {
    layout.add("matrix", 3, 5, /*decays=*/true);
    layout.add("vector", 1, 7, /*decays=*/false);
    options.learning_rate = file.at("learning_rate");
    options.warmup = file.at("warmup");
    options.steps = static_cast<int>(file.at("steps").size());
    options.weight_decay = file.at("weight_decay");
    options.clip_norm = file.at("clip_norm");
  }

  template <class Real>
  std::vector<Real> buffer(const json& values) const {
    std::vector<Real> all(layout.buffer_size(), Real{0});
    for (const Parameter& part : layout.parts()) {
      const Doubles of_part = values.at(part.name);
      std::transform(of_part.begin(), of_part.end(), all.begin() + static_cast<long>(part.offset),
                     [](double value) { return static_cast<Real>(value); });
    }
    return all;
  }
};

template <class Real>
void steps_as_pytorch(double tolerance) {
  const GoldenSteps golden_steps;
  Optimizer<Real> optimizer(golden_steps.options, golden_steps.layout);
  std::vector<Real> values = golden_steps.buffer<Real>(golden_steps.file.at("start"));
  for (const json& step : golden_steps.file.at("steps")) {
    optimizer.step(values, golden_steps.buffer<Real>(step.at("gradient")));
    expect_close(values.data(), golden_steps.buffer<double>(step.at("after")), tolerance, "value");
  }
}

TEST(GoldenAdamw, OptimizerStepsAsPyTorchDoes) {
  steps_as_pytorch<double>(1e-13);
  steps_as_pytorch<float>(3e-7);
}

TEST(GoldenAdamw, ScheduleHasTheRatesOfTheFile) {
  const GoldenSteps golden_steps;
  for (int t = 0; t < golden_steps.options.steps; ++t) {
    EXPECT_NEAR(learning_rate_at(golden_steps.options, t),
                golden_steps.file.at("steps").at(static_cast<std::size_t>(t)).at("rate"), 1e-15);
  }
}

}  // namespace
}  // namespace posbench
