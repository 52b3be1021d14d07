#include "encoding/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "kernel/sinusoid.h"

namespace posbench {
namespace {

double rms(const std::vector<float>& values) {
  return std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0) /
                   static_cast<double>(values.size()));
}

// What the encoding adds at these positions.
template <class Real>
std::vector<Real> rows_of(const Encoding<Real>& encoding,
                          const std::vector<std::int32_t>& positions, int hidden) {
  std::vector<Real> parameters(encoding.shared_size().count());
  encoding.initialize(parameters.data());
  std::vector<Real> x(positions.size() * static_cast<std::size_t>(hidden), Real(0));
  encoding.forward(parameters.data(), positions, x.data());
  return x;
}

std::vector<std::int32_t> consecutive(int from, int count) {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(count));
  std::iota(positions.begin(), positions.end(), from);
  return positions;
}

TEST(Encodings, AreListedByName) {
  std::vector<std::string> names;
  for (const auto& about : encodings()) {
    names.push_back(about.name);
    EXPECT_FALSE(about.about.empty());
  }
  EXPECT_THAT(names, testing::ElementsAre("alibi", "learned", "none", "random_frozen", "rope",
                                          "shaw", "sinusoid", "sinusoid_trainable", "t5_bias",
                                          "transformer_xl", "tupe"));
}

// What an encoding says of itself, against what it does.
TEST(Encodings, EnterWhereTheySay) {
  for (const EncodingAbout& about : encodings()) {
    SCOPED_TRACE(about.name);
    const auto encoding = make_encoding<double>(about.name, {.hidden = 8, .max_length = 4});
    std::vector<double> shared(encoding->shared_size().count());
    std::vector<double> layer(encoding->layer_size().count());
    encoding->initialize(shared.data());
    encoding->initialize_layer(0, layer.data());
    encoding->begin_pass({shared.data(), {layer.data()}}, 4, false);
    const ScoreTerms<double> terms = encoding->terms(0);
    std::vector<double> x(8, 0.0);
    encoding->forward(shared.data(), std::vector<std::int32_t>{1}, x.data());

    EXPECT_EQ(std::ranges::count(x, 0.0) < 8, about.place == EncodingPlace::input);
    EXPECT_EQ(encoding->rotation() != nullptr, about.place == EncodingPlace::rotation);
    EXPECT_EQ(terms.by_distance.values != nullptr || terms.by_place.values != nullptr ||
                  terms.keys.values != nullptr || terms.values.values != nullptr,
              about.place == EncodingPlace::scores);
    EXPECT_EQ(!about.absolute, terms.by_place.values == nullptr && std::ranges::count(x, 0.0) == 8);
  }
}

TEST(Encodings, BadOptionsNameTheNearestGoodOnes) {
  const auto says = [](const std::string& text) {
    return testing::ThrowsMessage<UserError>(testing::HasSubstr(text));
  };
  EXPECT_THAT([] { make_encoding<float>("lerned", {}); }, says("did you mean 'learned'?"));
  EXPECT_THAT([] { make_encoding<float>("sinusoid", {.convention = "interleave"}); },
              says("did you mean 'interleaved'?"));
  EXPECT_THAT([] { make_encoding<float>("sinusoid", {.producer = "sind"}); },
              says("did you mean 'simd'?"));
  EXPECT_THAT([] { make_encoding<double>("sinusoid", {.hidden = 9}); }, says("even hidden size"));
  EXPECT_THAT([] { make_encoding<float>("sinusoid_trainable", {.hidden = 9}); }, says("even"));
  EXPECT_THAT([] { make_encoding<float>("learned", {.hidden = 0}); }, says("at least 1"));
  EXPECT_THAT([] { make_encoding<float>("learned", {.position_rms = -1.0}); }, says("positive"));
}

TEST(Learned, StartsAtBertsScaleOrAtTheScaleAskedFor) {
  EncodingOptions options{.hidden = 256, .max_length = 512, .seed = 3};
  const auto bert = rows_of(*make_encoding<float>("learned", options), consecutive(0, 512), 256);
  EXPECT_NEAR(rms(bert), 0.01759, 0.0001);
  EXPECT_LE(*std::ranges::max_element(bert), 0.04f);
  EXPECT_GE(*std::ranges::min_element(bert), -0.04f);
  options.position_rms = 0.1;
  const auto asked = rows_of(*make_encoding<float>("learned", options), consecutive(0, 512), 256);
  EXPECT_NEAR(rms(asked), 0.1, 0.0005);
  options.seed = 4;
  EXPECT_NE(rows_of(*make_encoding<float>("learned", options), consecutive(0, 512), 256), asked);
}

TEST(Learned, GradientIsScatterAdd) {
  const auto encoding = make_encoding<double>("learned", {.hidden = 2, .max_length = 3});
  ASSERT_EQ(encoding->shared_size().count(), 6u);
  std::vector<double> gradients(6, 1.0);
  encoding->backward(std::vector<std::int32_t>{2, 0, 2},
                     std::vector<double>{1, 2, 3, 4, 5, 6}.data(), gradients.data());
  EXPECT_THAT(gradients, testing::ElementsAre(4, 5, 1, 1, 7, 9));
}

// The gradient of <w, forward> by central differences, for both trained encodings.
TEST(TrainedEncodings, GradientAgreesWithFiniteDifferences) {
  for (const std::string name : {"learned", "sinusoid_trainable"}) {
    const auto encoding = make_encoding<double>(name, {.hidden = 4, .max_length = 5});
    std::vector<double> parameters(encoding->shared_size().count());
    encoding->initialize(parameters.data());
    const std::vector<std::int32_t> positions = {0, 4, 4, 2};
    std::vector<double> weights(16);
    std::iota(weights.begin(), weights.end(), -3.0);
    const auto loss = [&] {
      std::vector<double> x(16, 0.0);
      encoding->forward(parameters.data(), positions, x.data());
      return std::inner_product(x.begin(), x.end(), weights.begin(), 0.0);
    };
    std::vector<double> gradients(parameters.size(), 0.0);
    encoding->backward(positions, weights.data(), gradients.data());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const double kept = parameters[i];
      parameters[i] = kept + 1e-3;
      const double above = loss();
      parameters[i] = kept - 1e-3;
      EXPECT_NEAR((above - loss()) / 2e-3, gradients[i], 1e-9) << name << " " << i;
      parameters[i] = kept;
    }
  }
}

TEST(RandomFrozen, HasTheScaleAskedForAndNoParameters) {
  const EncodingOptions options{.hidden = 256, .max_length = 512, .position_rms = 0.5};
  const auto encoding = make_encoding<float>("random_frozen", options);
  EXPECT_EQ(encoding->shared_size().count(), 0u);
  EXPECT_EQ(encoding->table_bytes(), 512u * 256u * 4u);
  EXPECT_NEAR(rms(rows_of(*encoding, consecutive(0, 512), 256)), 0.5, 0.003);
}

TEST(None, AddsNothing) {
  EXPECT_THAT(rows_of(*make_encoding<float>("none", {.hidden = 3}), {0, 1, 1000000}, 3),
              testing::Each(0.0f));
}

class SinusoidProducers : public testing::TestWithParam<std::string> {};

// Every way makes the same function, whatever the order, the gaps and the repeats of the positions.
TEST_P(SinusoidProducers, AddTheReferenceRowsInAnyOrder) {
  for (const std::string convention : {"interleaved", "tensor2tensor"}) {
    for (const double asked : {0.0, 0.1}) {
      const EncodingOptions options{.convention = convention,
                                    .producer = GetParam(),
                                    .hidden = 18,
                                    .max_length = 50,
                                    .position_rms = asked};
      const double scale = asked > 0.0 ? asked * std::sqrt(2.0) : 1.0;
      const auto encoding = make_encoding<float>("sinusoid", options);
      const auto exact = make_sinusoid(convention_from_name(convention), 18);
      const std::vector<std::vector<std::int32_t>> cases = {
          consecutive(0, 50), consecutive(7, 20), {49, 0}, {3, 3, 4, 2, 2, 5, 3}, {}};
      for (const auto& positions : cases) {
        const auto rows = rows_of(*encoding, positions, 18);
        for (std::size_t t = 0; t < positions.size(); ++t) {
          const auto expected = sinusoid_reference(exact, positions[t]);
          for (std::size_t i = 0; i < 18; ++i) {
            ASSERT_NEAR(static_cast<double>(rows[t * 18 + i]), scale * expected[i], 1e-5);
          }
        }
      }
      EXPECT_THROW(rows_of(*encoding, {-1}, 18), UserError);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, SinusoidProducers,
                         testing::Values("table", "libm_pow", "libm", "vector_library", "simd",
                                         "recurrence"),
                         [](const auto& which) { return which.param; });

TEST(Sinusoid, OnlyATableEnds) {
  const EncodingOptions table{.hidden = 4, .max_length = 8};
  EXPECT_THROW(rows_of(*make_encoding<float>("sinusoid", table), {8}, 4), UserError);
  const EncodingOptions computed{.producer = "simd", .hidden = 4, .max_length = 8};
  const auto rows = rows_of(*make_encoding<float>("sinusoid", computed), {1000000}, 4);
  const auto expected = sinusoid_reference(make_sinusoid(Convention::kInterleaved, 4), 1000000);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(rows[i], expected[i], 2e-7);
}

TEST(Sinusoid, KeepsATableOrConstantsButNoParameters) {
  const auto bytes = [](const std::string& producer) {
    const auto encoding =
        make_encoding<float>("sinusoid", {.producer = producer, .hidden = 64, .max_length = 512});
    EXPECT_EQ(encoding->shared_size().count(), 0u);
    return encoding->table_bytes();
  };
  EXPECT_EQ(bytes("table"), 512u * 64u * 4u);
  EXPECT_EQ(bytes("libm_pow"), 0u);
  EXPECT_EQ(bytes("libm"), 32u * 4u);
  EXPECT_EQ(bytes("simd"), 2u * 32u * 4u);
  EXPECT_EQ(bytes("recurrence"), 10u * 32u * 4u);
  EXPECT_EQ(bytes("recurrence_tiles"), 6u * 32u * 4u);
}

TEST(SinusoidTrainable, StartsAsTheSinusoidAtTheScaleAskedFor) {
  for (const double asked : {0.0, 0.02}) {
    const EncodingOptions options{.hidden = 32, .max_length = 64, .position_rms = asked};
    const auto trained = make_encoding<float>("sinusoid_trainable", options);
    const auto fixed = make_encoding<float>("sinusoid", options);
    EXPECT_EQ(trained->shared_size().count(), 64u * 32u);
    const auto rows = rows_of(*trained, consecutive(0, 64), 32);
    EXPECT_EQ(rows, rows_of(*fixed, consecutive(0, 64), 32));
    EXPECT_NEAR(rms(rows), asked > 0 ? asked : std::sqrt(0.5), 1e-7);
  }
}

}  // namespace
}  // namespace posbench
