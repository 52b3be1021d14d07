// The fused input layer against the scalar f64 reference, on every instruction set of this CPU.
//
// The bound is that of rounding analysis (kernel_vector_ops_test.cc): with u = 2^-24 the mean of d
// values errs by at most about d·u times the largest; in units of the row's deviation that is the
// error of z, and what the deviation inherits from it scales with z. A computed position's own
// error counts in the same units: itself, in the mean, and twice in the deviation.
#include "kernel/embedding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "every_target.h"
#include "guarded.h"
#include "kernel/embedding_scalar.h"

namespace posbench {
namespace {

constexpr double kU = 0x1p-24;
constexpr std::size_t kVocabulary = 11;
constexpr std::size_t kSegments = 2;

using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Ids = std::vector<std::int32_t>;

Floats random_floats(std::size_t n, std::string_view purpose) {
  Random random(13, purpose);
  Floats values(n);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

Ids random_ids(std::size_t n, std::size_t below, std::string_view purpose) {
  Random random(13, purpose);
  Ids ids(n);
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.below(below));
  return ids;
}

Doubles widened(const Floats& values) { return {values.begin(), values.end()}; }

double wide(float value) { return static_cast<double>(value); }

// Weights and ids of one shape; everything ends where the memory ends.
struct Layer {
  BatchShape shape;
  Floats tokens, segments, gamma, beta;
  Ids token_ids, segment_ids;
  Guarded<float> guarded_tokens, guarded_segments, guarded_gamma, guarded_beta, y;
  Guarded<std::int32_t> guarded_token_ids, guarded_segment_ids;

  explicit Layer(BatchShape of)
      : shape(of),
        tokens(random_floats(kVocabulary * of.hidden, "tokens")),
        segments(random_floats(kSegments * of.hidden, "segments")),
        gamma(random_floats(of.hidden, "gamma")),
        beta(random_floats(of.hidden, "beta")),
        token_ids(random_ids(of.tokens(), kVocabulary, "token ids")),
        segment_ids(random_ids(of.tokens(), kSegments, "segment ids")),
        guarded_tokens(tokens),
        guarded_segments(segments),
        guarded_gamma(gamma),
        guarded_beta(beta),
        y(of.elements()),
        guarded_token_ids(token_ids),
        guarded_segment_ids(segment_ids) {}

  EmbeddingWeights<float> weights() {
    return {{guarded_tokens.data(), kVocabulary, shape.hidden},
            guarded_gamma.data(),
            guarded_beta.data(),
            {guarded_segments.data(), kSegments, shape.hidden}};
  }
  EmbeddingBatch<float> batch(bool with_segments) {
    return {guarded_token_ids.data(), with_segments ? guarded_segment_ids.data() : nullptr,
            y.data(), shape, shape.length};
  }
};

// Compares y with the reference for position rows (L, d), empty for none, which err by `error`.
void expect_right(Layer& layer, bool with_segments, const Doubles& positions, double error) {
  const auto [count, length, d] = layer.shape;
  const Doubles tokens = widened(layer.tokens), segments = widened(layer.segments);
  const Doubles ones(d, 1.0), zeros(d, 0.0);
  Doubles z(layer.shape.elements());  // before gamma and beta
  const Doubles inverse = scalar::embed<double>(
      {{tokens.data(), kVocabulary, d}, ones.data(), zeros.data(), {segments.data(), kSegments, d}},
      positions.empty() ? nullptr : positions.data(),
      {layer.token_ids.data(), with_segments ? layer.segment_ids.data() : nullptr, z.data(),
       layer.shape, length});
  for (std::size_t t = 0; t < layer.shape.tokens(); ++t) {
    // No sum of two or three normal numbers and a sine is farther from its mean than this.
    constexpr double kTop = 15;
    const double slack =
        static_cast<double>(d + 10) * kU * (1 + kTop * inverse[t]) + 4 * error * inverse[t];
    for (std::size_t i = 0; i < d; ++i) {
      const std::size_t at = t * d + i;
      const double gamma = wide(layer.gamma[i]), beta = wide(layer.beta[i]);
      ASSERT_NEAR(wide(layer.y[at]), z[at] * gamma + beta,
                  slack * (1 + std::abs(z[at])) * std::abs(gamma) + 2 * kU * std::abs(beta))
          << "token " << t << ", column " << i;
    }
  }
}

// The reference itself, by hand: rows (3, 5) and (3, 1), whose deviations are 1.
TEST(EmbeddingReference, AddsAndNormalises) {
  const Doubles tokens = {9, 9, 1, 2}, positions = {0, 0, 0, -4}, segments = {7, 7, 2, 3};
  const Doubles gamma = {1, 10}, beta = {0, 100};
  const Ids token_ids = {1, 1}, segment_ids = {1, 1};
  Doubles y(4);
  const Doubles inverse = scalar::embed<double>(
      {{tokens.data(), 2, 2}, gamma.data(), beta.data(), {segments.data(), 2, 2}}, positions.data(),
      {token_ids.data(), segment_ids.data(), y.data(), {1, 2, 2}, 2});
  EXPECT_THAT(y, testing::Pointwise(testing::DoubleNear(1e-9), {-1.0, 110.0, 1.0, 90.0}));
  EXPECT_THAT(inverse, testing::Each(testing::DoubleNear(1.0, 1e-9)));
}

// Every partial vector of every width, then sizes of real models; lengths and batches that fill
// four tokens, and that do not; two fresh starts of a recurrence and a short one.
const std::vector<BatchShape> kShapes = {{1, 1, 1},   {2, 1, 2},    {1, 5, 3},   {3, 3, 5},
                                         {1, 4, 7},   {5, 2, 13},   {2, 3, 16},  {1, 7, 17},
                                         {1, 3, 32},  {4, 2, 31},   {2, 5, 33},  {8, 3, 64},
                                         {1, 9, 127}, {1, 37, 128}, {3, 17, 768}};

template <class Body>
void for_every_shape(Body body) {
  on_every_target([&] {
    for (const BatchShape& shape : kShapes) {
      for (const bool with_segments : {false, true}) {
        SCOPED_TRACE(testing::Message() << shape.batch << " x " << shape.length << " x "
                                        << shape.hidden << (with_segments ? ", segments" : ""));
        body(shape, with_segments);
        if (testing::Test::HasFailure()) return;  // one message is enough
      }
    }
  });
}

TEST(Embedding, WithoutPositions) {
  for_every_shape([](BatchShape shape, bool with_segments) {
    Layer layer(shape);
    embed(layer.weights(), {}, 0, layer.batch(with_segments));
    expect_right(layer, with_segments, {}, 0.0);
  });
}

TEST(Embedding, LearnedPositions) {
  for_every_shape([](BatchShape shape, bool with_segments) {
    Layer layer(shape);
    const std::size_t d = shape.hidden, first = 2;
    const Floats table = random_floats((first + shape.length) * d, "positions");
    Guarded<float> guarded(table);
    embed(layer.weights(), Table<float>{guarded.data(), first + shape.length, d}, first,
          layer.batch(with_segments));
    const Doubles rows =
        widened({table.begin() + static_cast<std::ptrdiff_t>(first * d), table.end()});
    expect_right(layer, with_segments, rows, 0.0);
  });
}

class ComputedEmbedding : public testing::TestWithParam<const char*> {};

TEST_P(ComputedEmbedding, InBothConventionsNearAndFar) {
  const SinusoidProducer& producer = sinusoid_producer(GetParam());
  for_every_shape([&](BatchShape shape, bool with_segments) {
    if (shape.hidden % 2 != 0) return;
    for (const Convention convention : {Convention::kInterleaved, Convention::kTensor2tensor}) {
      const Sinusoid sinusoid = make_sinusoid(convention, shape.hidden);
      const Floats constants = producer.constants(sinusoid);
      for (const std::size_t first : {std::size_t{0}, std::size_t{999'900}}) {
        Layer layer(shape);
        embed(layer.weights(), ComputedPositions{&producer, sinusoid, constants.data()}, first,
              layer.batch(with_segments));
        Doubles rows(shape.length * shape.hidden);
        fill_sinusoid_table(sinusoid, static_cast<std::int64_t>(first), shape.length, rows.data());
        const auto last = static_cast<std::int64_t>(first + shape.length);
        expect_right(layer, with_segments, rows, producer.tolerance(last));
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Every, ComputedEmbedding,
                         testing::Values("simd", "recurrence", "recurrence_tiles"),
                         [](const auto& which) { return std::string(which.param); });

// A row comes out the same whether its neighbours are there or not: shares of threads are the
// whole.
TEST(Embedding, SharesOfThePositionsAreTheSameBits) {
  on_every_target([] {
    for (const BatchShape shape : {BatchShape{3, 37, 34}, {1, 37, 64}}) {
      Layer layer(shape);
      const Floats table = random_floats(shape.length * shape.hidden, "positions");
      const Sinusoid sinusoid = make_sinusoid(Convention::kInterleaved, shape.hidden);
      const Floats constants = sinusoid_producer("recurrence").constants(sinusoid);
      const std::vector<PositionSource> sources = {
          {},
          Table<float>{table.data(), shape.length, shape.hidden},
          ComputedPositions{&sinusoid_producer("recurrence"), sinusoid, constants.data()}};
      for (const PositionSource& source : sources) {
        const EmbeddingBatch<float> batch = layer.batch(true);
        embed(layer.weights(), source, 0, batch);
        const Floats whole = layer.y.values();
        std::fill_n(layer.y.data(), layer.y.size(), 0.0f);
        embed(layer.weights(), source, 0, batch.positions(0, kRecurrencePeriod));
        embed(layer.weights(), source, kRecurrencePeriod,
              batch.positions(kRecurrencePeriod, shape.length - kRecurrencePeriod));
        EXPECT_EQ(layer.y.values(), whole);
      }
    }
  });
}

TEST(Embedding, UnalignedBuffersAreTheSameBits) {
  on_every_target([] {
    Layer layer({2, 5, 40});
    embed(layer.weights(), {}, 0, layer.batch(true));
    const auto shifted = [](const Floats& values) {
      Floats copy(values.size() + 1);
      std::copy(values.begin(), values.end(), copy.begin() + 1);
      return copy;
    };
    const Floats tokens = shifted(layer.tokens), segments = shifted(layer.segments);
    const Floats gamma = shifted(layer.gamma), beta = shifted(layer.beta);
    Floats y(layer.shape.elements() + 2, 9.0f);
    EmbeddingBatch<float> batch = layer.batch(true);
    batch.y = y.data() + 1;
    embed({{tokens.data() + 1, kVocabulary, 40},
           gamma.data() + 1,
           beta.data() + 1,
           {segments.data() + 1, kSegments, 40}},
          {}, 0, batch);
    EXPECT_EQ(Floats(y.begin() + 1, y.end() - 1), layer.y.values());
    EXPECT_EQ(y.front(), 9.0f);
    EXPECT_EQ(y.back(), 9.0f);
  });
}

TEST(Embedding, NanAndInfinitySpoilTheirOwnRowsOnly) {
  on_every_target([] {
    for (const float broken :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Layer layer({3, 6, 21});
      embed(layer.weights(), {}, 0, layer.batch(false));
      const Floats sound = layer.y.values();
      const std::size_t d = layer.shape.hidden;
      const std::int32_t token = layer.token_ids[7];
      layer.guarded_tokens.data()[static_cast<std::size_t>(token) * d + 20] = broken;
      embed(layer.weights(), {}, 0, layer.batch(false));
      for (std::size_t at = 0; at < sound.size(); ++at) {
        if (layer.token_ids[at / d] == token) {
          EXPECT_TRUE(std::isnan(layer.y[at]));
        } else {
          EXPECT_EQ(layer.y[at], sound[at]);
        }
      }
    }
  });
}

TEST(Embedding, ARowWithoutVarianceIsBeta) {
  on_every_target([] {
    Layer layer({1, 2, 19});
    std::fill_n(layer.guarded_tokens.data(), layer.tokens.size(), 4.0f);
    embed(layer.weights(), {}, 0, layer.batch(false));
    for (std::size_t at = 0; at < layer.y.size(); ++at) {
      EXPECT_EQ(layer.y[at], layer.beta[at % 19]);
    }
  });
}

TEST(Embedding, NothingToDoTouchesNothing) {
  on_every_target([] {
    for (const BatchShape shape : {BatchShape{1, 0, 8}, {0, 5, 8}, {0, 0, 8}}) {
      const Sinusoid sinusoid = make_sinusoid(Convention::kInterleaved, 8);
      const std::vector<PositionSource> sources = {
          {},
          Table<float>{nullptr, 5, 8},
          ComputedPositions{&sinusoid_producer("simd"), sinusoid, nullptr}};
      for (const PositionSource& source : sources) {
        embed({{nullptr, 0, 8}, nullptr, nullptr}, source, 0,
              {nullptr, nullptr, nullptr, shape, shape.length});
      }
    }
  });
}

// The message of what embed throws, and that it wrote nothing before it did.
std::string complaint(Layer& layer, const EmbeddingWeights<float>& weights,
                      const PositionSource& positions, const EmbeddingBatch<float>& batch) {
  const Floats before = layer.y.values();
  try {
    embed(weights, positions, 0, batch);
  } catch (const UserError& error) {
    EXPECT_EQ(layer.y.values(), before);
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Embedding, IdsOutsideTheirTableAreRefused) {
  for (const std::int32_t stranger : {-1, 11, 1 << 30, std::numeric_limits<std::int32_t>::min()}) {
    Layer layer({2, 3, 8});
    const std::string number = std::to_string(stranger);
    layer.guarded_token_ids.data()[4] = stranger;
    EXPECT_THAT(complaint(layer, layer.weights(), {}, layer.batch(false)),
                testing::HasSubstr("token id " + number + " is outside the table of 11 rows"));
    layer.guarded_token_ids.data()[4] = 0;
    layer.guarded_segment_ids.data()[5] = stranger;
    EXPECT_THAT(complaint(layer, layer.weights(), {}, layer.batch(true)),
                testing::HasSubstr("segment id " + number + " is outside the table of 2 rows"));
    embed(layer.weights(), {}, 0, layer.batch(false));  // which does not read segments
  }
}

TEST(Embedding, SegmentIdsWithoutSegmentsAreRefused) {
  Layer layer({1, 3, 8});
  EmbeddingWeights<float> weights = layer.weights();
  weights.segments = {};
  EXPECT_THAT(complaint(layer, weights, {}, layer.batch(true)),
              testing::HasSubstr("outside the table of 0 rows"));
}

TEST(Embedding, PositionsBehindTheTableAreRefused) {
  Layer layer({1, 3, 8});
  const Floats table(16);
  EXPECT_THAT(
      complaint(layer, layer.weights(), Table<float>{table.data(), 2, 8}, layer.batch(false)),
      testing::HasSubstr("positions 0 to 2 leave the table of 2 rows"));
}

TEST(Embedding, AnOutputOnTopOfWhatIsReadIsRefused) {
  Layer layer({1, 3, 8});
  for (float* const read : {layer.guarded_tokens.data(), layer.guarded_segments.data(),
                            layer.guarded_gamma.data(), layer.guarded_beta.data()}) {
    EmbeddingBatch<float> batch = layer.batch(true);
    batch.y = read;
    EXPECT_THAT(complaint(layer, layer.weights(), {}, batch), testing::HasSubstr("overlaps"));
    batch.y = read - 1;
    EXPECT_THAT(complaint(layer, layer.weights(), {}, batch), testing::HasSubstr("overlaps"));
  }
  Floats table(24);
  EmbeddingBatch<float> batch = layer.batch(false);
  batch.y = table.data() + 23;
  EXPECT_THAT(complaint(layer, layer.weights(), Table<float>{table.data(), 3, 8}, batch),
              testing::HasSubstr("overlaps the table of positions"));
}

}  // namespace
}  // namespace posbench
