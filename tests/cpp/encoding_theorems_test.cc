// What the papers promise of relative encodings, whatever their trained values are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>

#include "base/random.h"
#include "encoder_helpers.h"
#include "encoding/encoding.h"

namespace posbench {
namespace {

struct Relative {
  std::string name, convention;

  std::string text() const { return convention.empty() ? name : name + "_" + convention; }
};
void PrintTo(const Relative& which, std::ostream* out) { *out << which.text(); }

class EveryRelative : public testing::TestWithParam<Relative> {};

INSTANTIATE_TEST_SUITE_P(Encoding, EveryRelative,
                         testing::Values(Relative{"alibi", ""}, Relative{"rope", "pairs"},
                                         Relative{"rope", "halves"}, Relative{"shaw", "keys"},
                                         Relative{"t5_bias", ""}, Relative{"transformer_xl", ""}),
                         [](const auto& which) { return which.param.text(); });

constexpr int kLength = 12, kHeads = 2, kPeriod = 5;

std::vector<double> normals(std::size_t count, const char* name) {
  Random random(3, name);
  std::vector<double> values(count);
  for (double& value : values) value = 0.7 * random.normal();
  return values;
}

// The weights (H, L, L) that queries give keys, where the content of row i + 5 is that of row i:
// the values of key j are the unit vector of j, so that the context of a query is its weights.
std::vector<double> weights_of(const Relative& which, bool causal) {
  constexpr int kHidden = kHeads * kLength;
  const auto d = static_cast<std::size_t>(kHidden), size = d / kHeads;
  const std::size_t length = kLength;
  const auto encoding = make_encoding<double>(which.name, {.convention = which.convention,
                                                           .hidden = kHidden,
                                                           .heads = kHeads,
                                                           .causal = causal,
                                                           .max_length = kLength});
  const std::vector<double> shared = normals(encoding->shared_size().count(), "shared"),
                            layer = normals(encoding->layer_size().count(), "layer"),
                            content = normals(kPeriod * 2 * d, "content");
  std::vector<double> qkv(length * 3 * d, 0.0);
  for (std::size_t i = 0; i < length; ++i) {
    std::copy_n(content.data() + i % kPeriod * 2 * d, 2 * d, qkv.data() + i * 3 * d);
    for (std::size_t h = 0; h < kHeads; ++h) qkv[i * 3 * d + 2 * d + h * size + i] = 1.0;
  }
  if (const Rotation<double>* rotation = encoding->rotation()) {
    std::vector<std::int32_t> positions(length);
    std::iota(positions.begin(), positions.end(), 0);
    rotate(*rotation, positions, kHidden, kHeads, nullptr, qkv.data());
  }
  const PositionValues<const double> values{shared.data(), {layer.data()}};
  encoding->begin_pass(values, length, false);
  const std::vector<std::int32_t> offsets = {0, kLength};
  const AttentionShape shape{
      .offsets = offsets, .lengths = {}, .hidden = kHidden, .heads = kHeads, .causal = causal};
  const ScoreTerms<double> terms = encoding->terms(0);
  std::vector<double> scratch(attention_scratch(shape, terms)), context(length * d);
  attention(shape, qkv.data(), nullptr, terms, scratch.data(), nullptr, context.data());
  std::vector<double> weights(kHeads * length * length);
  for (std::size_t h = 0; h < kHeads; ++h) {
    for (std::size_t i = 0; i < length; ++i) {
      std::copy_n(context.data() + i * d + h * size, length,
                  weights.data() + (h * length + i) * length);
    }
  }
  return weights;
}

// What a score has more than that of the query's own place stays when both move by a period, and
// changes when the key alone does: it is the distance that counts.
TEST_P(EveryRelative, ScoresStayWhenAllPositionsMove) {
  for (const bool causal : {false, true}) {
    const std::vector<double> weights = weights_of(GetParam(), causal);
    const auto score = [&](int h, int i, int j) {
      const double* row = weights.data() + (h * kLength + i) * kLength;
      return std::log(row[j] / row[i]);
    };
    double of_the_key_alone = 0;
    for (int h = 0; h < kHeads; ++h) {
      for (int i = 0; i + kPeriod < kLength; ++i) {
        const int keys = causal ? i + 1 : kLength - kPeriod;
        for (int j = 0; j < keys; ++j) {
          const double moved = score(h, i + kPeriod, j + kPeriod);
          ASSERT_NEAR(moved, score(h, i, j), 1e-11) << h << ": " << i << ", " << j;
          const double alone = std::abs(score(h, i + kPeriod, j) - moved);
          of_the_key_alone = std::max(of_the_key_alone, alone);
        }
      }
    }
    EXPECT_GT(of_the_key_alone, 0.1);
  }
}

// How far the logits move when k is added to all position ids.
double distance_of_shifted_ids(const std::string& system, const Relative& which) {
  EncoderOptions options = tiny_system(system, which.name);
  options.convention = which.convention;
  options.shape.max_length = 40;
  Encoder<double> encoder(options);
  randomize(encoder);
  Batch batch = packed_batch();
  const auto before = logits_of(encoder, batch, options.shape.classes);
  for (std::int32_t& position : batch.positions) position += 30;
  const auto after = logits_of(encoder, batch, options.shape.classes);
  double distance = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    distance = std::max(distance, std::abs(after[i] - before[i]));
  }
  return distance;
}

TEST_P(EveryRelative, AShiftOfTheIdsChangesNothing) {
  EXPECT_LT(distance_of_shifted_ids("encoder", GetParam()), 1e-11);
  EXPECT_LT(distance_of_shifted_ids("gpt", GetParam()), 1e-11);
}

TEST(AbsoluteEncodings, SeeAShiftOfTheIds) {
  for (const std::string name : {"learned", "sinusoid", "sinusoid_trainable", "random_frozen"}) {
    EXPECT_GT(distance_of_shifted_ids("encoder", {name, ""}), 1e-2) << name;
  }
  EXPECT_LT(distance_of_shifted_ids("encoder", {"none", ""}), 1e-15);
}

// Vaswani 2017, §3.5, of the rows that are added: ⟨row t, row t + k⟩ hangs on k alone.
TEST(Sinusoid, InnerProductsDependOnTheDistanceAlone) {
  constexpr int kHidden = 32, kRows = 200;
  const auto d = static_cast<std::size_t>(kHidden);
  for (const std::string convention : {"interleaved", "tensor2tensor"}) {
    const auto encoding = make_encoding<double>(
        "sinusoid", {.convention = convention, .hidden = kHidden, .max_length = kRows});
    std::vector<double> rows(kRows * d, 0.0);
    std::vector<std::int32_t> positions(kRows);
    std::iota(positions.begin(), positions.end(), 0);
    encoding->forward(nullptr, positions, rows.data());
    const auto product = [&](std::size_t s, std::size_t t) {
      return std::inner_product(rows.data() + s * d, rows.data() + (s + 1) * d, rows.data() + t * d,
                                0.0);
    };
    for (std::size_t k = 0; k < 100; ++k) {
      for (std::size_t t = 0; t + k < kRows; t += 7) {
        ASSERT_NEAR(product(t, t + k), product(0, k), 1e-12) << convention << ", " << k;
      }
    }
    EXPECT_GT(product(0, 0) - product(0, 1), 0.1);
  }
}

}  // namespace
}  // namespace posbench
