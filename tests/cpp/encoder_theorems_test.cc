// What must hold for this encoder whatever its parameters are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "encoder/optimizer.h"
#include "encoder_helpers.h"

namespace posbench {
namespace {

// Logits of one fully labelled sequence, row by row.
std::vector<std::vector<double>> rows_of_logits(Encoder<double>& encoder,
                                                const std::vector<std::int32_t>& tokens) {
  Batch batch;
  append_sequence(batch, tokens, std::vector<std::int32_t>(tokens.size(), 0));
  const auto logits = logits_of(encoder, batch);
  std::vector<std::vector<double>> rows;
  for (auto row = logits.begin(); row != logits.end(); row += 3) rows.emplace_back(row, row + 3);
  return rows;
}

TEST(Encoder, WithoutPositionsIsPermutationEquivariant) {
  const std::vector<std::int32_t> tokens = {3, 1, 4, 1, 5, 9};
  const std::vector<std::size_t> order = {4, 0, 5, 2, 1, 3};
  std::vector<std::int32_t> moved;
  for (const std::size_t from : order) moved.push_back(tokens[from]);
  double distance_with_positions = 0;
  for (const std::string encoding : {"none", "learned"}) {
    Encoder<double> encoder(tiny_encoder(encoding));
    randomize(encoder);
    const auto before = rows_of_logits(encoder, tokens);
    const auto after = rows_of_logits(encoder, moved);
    for (std::size_t i = 0; i < order.size(); ++i) {
      for (std::size_t c = 0; c < 3; ++c) {
        const double difference = std::abs(after[i][c] - before[order[i]][c]);
        if (encoding == "none") {
          ASSERT_LT(difference, 1e-12);
        } else {
          distance_with_positions = std::max(distance_with_positions, difference);
        }
      }
    }
  }
  EXPECT_GT(distance_with_positions, 0.1);  // the theorem is about `none` alone
}

TEST(Encoder, WithPositionsTellsEqualWordsApart) {
  for (const std::string encoding :
       {"learned", "sinusoid", "sinusoid_trainable", "random_frozen"}) {
    Encoder<double> encoder(tiny_encoder(encoding));
    const auto rows = rows_of_logits(encoder, {7, 7, 7});
    for (std::size_t i = 1; i < 3; ++i) {
      EXPECT_GT(std::abs(rows[i][0] - rows[i - 1][0]), 1e-3) << encoding;
    }
  }
}

template <class Real>
double distance_from_neighbours() {
  Encoder<Real> encoder(tiny_encoder());
  randomize(encoder);
  const std::vector<std::int32_t> tokens = {2, 7, 1, 8}, labels(4, 0);
  Batch alone, packed;
  append_sequence(alone, tokens, labels);
  append_sequence(packed, {9, 2, 6, 5, 3, 10}, std::vector<std::int32_t>(6, 0));
  append_sequence(packed, tokens, labels);
  append_sequence(packed, {4}, {0});
  const auto expected = logits_of(encoder, alone), found = logits_of(encoder, packed);
  double distance = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    distance = std::max(distance, std::abs(static_cast<double>(found[6 * 3 + i] - expected[i])));
  }
  return distance;
}

TEST(Encoder, SequencesDoNotSeeTheirNeighbours) {
  EXPECT_EQ(distance_from_neighbours<double>(), 0.0);
  // oneDNN may sum in another order when the matrix has more rows.
  EXPECT_LT(distance_from_neighbours<float>(), 1e-5);
}

TEST(Encoder, FloatAgreesWithDouble) {
  for (const std::string encoding : {"learned", "sinusoid", "none"}) {
    Encoder<float> single(tiny_encoder(encoding));
    Encoder<double> exact(tiny_encoder(encoding));
    randomize(exact);
    for (std::size_t i = 0; i < exact.parameters().size(); ++i) {
      single.parameters()[i] = static_cast<float>(exact.parameters()[i]);
      exact.parameters()[i] = static_cast<double>(single.parameters()[i]);
    }
    const Batch batch = packed_batch();
    const auto expected = logits_of(exact, batch);
    const auto found = logits_of(single, batch);
    // Logits of size 1 to 5 after some 20 roundings of 6e-8 in sequence, over sums of 16.
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-5);
    EXPECT_NEAR(single.loss_and_gradients(batch), exact.loss_and_gradients(batch), 3e-6);
    for (std::size_t i = 0; i < exact.gradients().size(); ++i) {
      ASSERT_NEAR(single.gradients()[i], exact.gradients()[i], 3e-6) << encoding;
    }
  }
}

TEST(Encoder, LossIsTheMeanOfTheRowLosses) {
  Encoder<double> encoder(tiny_encoder());
  randomize(encoder);
  const Batch batch = packed_batch();
  const auto logits = logits_of(encoder, batch);
  std::vector<double> losses;
  const double mean = encoder.loss(batch, &losses);
  ASSERT_EQ(losses.size(), batch.rows.size());
  double sum = 0;
  for (std::size_t r = 0; r < losses.size(); ++r) {
    const double* row = logits.data() + 3 * r;
    const double total = std::exp(row[0]) + std::exp(row[1]) + std::exp(row[2]);
    EXPECT_NEAR(losses[r], std::log(total) - row[batch.labels[r]], 1e-12);
    sum += losses[r];
  }
  EXPECT_NEAR(mean, sum / static_cast<double>(losses.size()), 1e-14);
}

TEST(Encoder, AHopelessGuessCostsALotButNotInfinity) {
  Encoder<float> encoder(tiny_encoder());
  for (const Parameter& part : encoder.layout().parts()) {
    if (part.name == "head_bias") encoder.parameters()[part.offset] = 1000.0f;
  }
  Batch batch;
  append_sequence(batch, {1}, {2});
  const double loss = encoder.loss_and_gradients(batch);
  EXPECT_GT(loss, 990.0);
  EXPECT_LT(loss, 1010.0);  // the logit of the wrong class, and what the others add
}

TEST(Encoder, ABrokenParameterShowsInTheLoss) {
  for (const std::string name : {"token", "layer1.qkv", "head"}) {
    Encoder<float> encoder(tiny_encoder());
    for (const Parameter& part : encoder.layout().parts()) {
      // Column 3 of the token that every sequence below begins with.
      if (part.name == name) encoder.parameters()[part.offset + 3] = std::nanf("");
    }
    Batch batch;
    append_sequence(batch, {0, 1, 2}, {0, 1, 2});
    EXPECT_TRUE(std::isnan(encoder.loss(batch))) << name;
  }
}

// Bits of the parameters after a few steps of training, with the memory laid out at `shift`.
std::vector<float> trained(const EncoderOptions& options, std::size_t shift = 0) {
  Encoder<float> encoder(options);
  encoder.lay_out(shift);
  Optimizer<float> optimizer({.learning_rate = 0.01, .steps = 5}, encoder.layout());
  for (int step = 0; step < 5; ++step) {
    encoder.loss_and_gradients(packed_batch());
    optimizer.step(encoder);
  }
  return {encoder.parameters().begin(), encoder.parameters().end()};
}

TEST(Encoder, RepeatsItselfBitByBit) {
  EncoderOptions options = tiny_encoder();
  const std::vector<float> first = trained(options), again = trained(options);
  ASSERT_EQ(first.size(), again.size());
  EXPECT_EQ(std::memcmp(first.data(), again.data(), first.size() * sizeof(float)), 0);
  const Encoder<float> untrained(options);
  EXPECT_FALSE(std::ranges::equal(first, untrained.parameters()));
  options.seed = 6;
  EXPECT_NE(trained(options), first);
}

// Cost studies shift the memory at random; what is computed must not notice.
TEST(Encoder, DoesNotDependOnWhereItsMemoryLies) {
  const std::vector<float> expected = trained(tiny_encoder());
  for (const std::size_t shift : {64, 192, 3968}) {
    EXPECT_EQ(trained(tiny_encoder(), shift), expected) << shift;
  }
}

TEST(Encoder, ArmsWithOneSeedShareEverythingButThePositions) {
  const Encoder<float> learned(tiny_encoder("learned"));
  for (const std::string encoding : {"sinusoid_trainable", "sinusoid", "random_frozen", "none"}) {
    const Encoder<float> other(tiny_encoder(encoding));
    const auto shared = [](const Encoder<float>& encoder) {
      std::vector<Parameter> parts = encoder.layout().parts();
      std::erase_if(parts, [](const Parameter& part) { return part.name.ends_with("position"); });
      return parts;
    };
    const std::vector<Parameter> ours = shared(learned), theirs = shared(other);
    ASSERT_EQ(ours.size(), theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      ASSERT_EQ(ours[i].name, theirs[i].name);
      const float* values = learned.parameters().data() + ours[i].offset;
      const float* others = other.parameters().data() + theirs[i].offset;
      EXPECT_TRUE(std::equal(values, values + ours[i].size(), others, others + theirs[i].size()))
          << ours[i].name;
    }
  }
}

TEST(Encoder, StartsAsAsked) {
  EncoderOptions options = tiny_encoder();
  options.shape.vocabulary = 4000;
  options.token_rms = 0.05;
  const Encoder<float> encoder(options);
  for (const Parameter& part : encoder.layout().parts()) {
    EXPECT_EQ(part.decays, part.rows > 1) << part.name;
    const float* values = encoder.parameters().data() + part.offset;
    const std::vector<float> all(values, values + part.size());
    double squares = 0;
    for (const float value : all)
      squares += static_cast<double>(value) * static_cast<double>(value);
    const double rms = std::sqrt(squares / static_cast<double>(part.size()));
    if (part.name.ends_with("gamma")) {
      EXPECT_THAT(all, testing::Each(1.0f)) << part.name;
    } else if (!part.decays) {
      EXPECT_THAT(all, testing::Each(0.0f)) << part.name;
    } else if (part.name == "token") {
      EXPECT_NEAR(rms, 0.05, 0.001);
    } else if (!part.name.ends_with("position")) {
      // 1/√(rows): what goes in with deviation 1 comes out with deviation 1.
      const double expected = 1 / std::sqrt(static_cast<double>(part.rows));
      EXPECT_NEAR(rms, expected, 0.3 * expected) << part.name;
    }
  }
}

TEST(Encoder, CountsItsParameters) {
  // Per layer 8·24 + 24 + 8·8 + 8 + 2·8 + 8·16 + 16 + 16·8 + 8 + 2·8 = 600.
  const std::size_t rest = 12 * 8 + 2 * 8 + 2 * 600 + 8 * 3 + 3;
  for (const auto& [encoding, positions] :
       {std::pair{"learned", 48u}, std::pair{"sinusoid_trainable", 48u}, std::pair{"sinusoid", 0u},
        std::pair{"random_frozen", 0u}, std::pair{"none", 0u}}) {
    const Encoder<float> encoder(tiny_encoder(encoding));
    EXPECT_EQ(encoder.layout().count("position"), positions) << encoding;
    EXPECT_EQ(encoder.layout().count(), rest + positions) << encoding;
  }
}

TEST(Encoder, TimesItsParts) {
  Encoder<float> encoder(tiny_encoder());
  EXPECT_EQ(encoder.take_parts().ns, Parts{}.ns);
  for (int i = 0; i < 1000; ++i) encoder.forward(packed_batch());
  const Parts parts = encoder.take_parts();
  for (const Part part : {Part::embedding, Part::position, Part::projections, Part::scores,
                          Part::feed_forward, Part::norm, Part::head}) {
    EXPECT_GT(parts[part], 0u) << kPartNames[static_cast<std::size_t>(part)];
  }
  EXPECT_EQ(parts[Part::optimizer], 0u);
  EXPECT_EQ(encoder.take_parts().ns, Parts{}.ns);
}

auto says(const std::string& text) {
  return testing::ThrowsMessage<UserError>(testing::HasSubstr(text));
}

TEST(Encoder, ShapesThatCannotBeAreRefused) {
  const auto make = [](auto change) {
    return [change] {
      EncoderOptions options = tiny_encoder();
      change(options);
      const Encoder<float> encoder(options);
    };
  };
  EXPECT_THAT(make([](auto& o) { o.shape.heads = 3; }),
              says("hidden 8 is not a multiple of heads 3"));
  EXPECT_THAT(make([](auto& o) { o.shape.heads = 0; }), says("heads is 0"));
  EXPECT_THAT(make([](auto& o) { o.shape.hidden = -8; }), says("hidden is -8"));
  EXPECT_THAT(make([](auto& o) { o.shape.layers = 0; }), says("layers is 0"));
  EXPECT_THAT(make([](auto& o) { o.shape.max_length = 0; }), says("max_length is 0"));
  EXPECT_THAT(make([](auto& o) { o.encoding = "lerned"; }), says("did you mean 'learned'?"));
}

TEST(Encoder, BadBatchesAreRefused) {
  const auto run = [](auto change) {
    return [change] {
      Encoder<float> encoder(tiny_encoder());
      Batch batch = packed_batch();
      change(batch);
      encoder.forward(batch);
    };
  };
  const std::vector<std::int32_t> seven(7, 1);
  EXPECT_THAT(run([&](Batch& b) { append_sequence(b, seven, seven); }),
              says("sequence 3 of the batch has 7 tokens in 7 rows; this encoder takes 1 to 6"));
  EXPECT_THAT(run([](Batch& b) { append_sequence(b, {}, {}); }), says("has 0 tokens"));
  EXPECT_THAT(run([](Batch& b) { b.tokens[2] = 12; }), says("token id 12 is outside"));
  EXPECT_THAT(run([](Batch& b) { b.tokens[2] = -1; }), says("token id -1"));
  EXPECT_THAT(run([](Batch& b) { b.labels[0] = 3; }), says("label 3 is outside the 3 classes"));
  EXPECT_THAT(run([](Batch& b) { b.labels[0] = -1; }), says("label -1"));
  EXPECT_THAT(run([](Batch& b) { b.positions[0] = 6; }), says("position id 6"));
  EXPECT_THAT(run([](Batch& b) { b.clear(); }), says("no labelled row"));
}

// A refused batch leaves nothing behind.
TEST(Encoder, WorksOnAfterARefusal) {
  Encoder<double> encoder(tiny_encoder()), fresh(tiny_encoder());
  Batch bad = packed_batch();
  bad.tokens[0] = 99;
  logits_of(encoder, packed_batch());
  EXPECT_THROW(encoder.forward(bad), UserError);
  EXPECT_EQ(logits_of(encoder, packed_batch()), logits_of(fresh, packed_batch()));
}

}  // namespace
}  // namespace posbench
