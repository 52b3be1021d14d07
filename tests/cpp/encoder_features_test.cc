// Features of tokens, spans instead of labels, and the states between layers.
#include <cmath>

#include "base/random.h"
#include "dataset_helpers.h"
#include "encoder/encoder.h"
#include "encoder/footprint.h"

namespace posbench {
namespace {
using testing::HasSubstr;

EncoderOptions tiny(const std::string& system, int classes) {
  EncoderOptions options;
  options.shape = {.vocabulary = 23,
                   .classes = classes,
                   .hidden = 8,
                   .layers = 2,
                   .heads = 2,
                   .feed_forward = 12,
                   .max_length = 24,
                   .window = 4,
                   .globals = 1};
  options.system = system;
  options.encoding = system == "transformer_xl" ? "transformer_xl" : "learned";
  options.token_rms = 0.5;
  options.position_rms = 0.5;
  options.seed = 3;
  return options;
}

// Sequences of these lengths; every row labelled, or every second.
Batch some_batch(const std::vector<int>& lengths, int features, int classes, int every = 1) {
  Random random(7, "batch");
  Batch batch;
  for (const int length : lengths) {
    for (int t = 0; t < length; ++t) {
      if (t % every == 0) {
        batch.rows.push_back(static_cast<std::int32_t>(batch.tokens.size()));
        batch.labels.push_back(
            static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(classes))));
      }
      batch.positions.push_back(t);
      batch.tokens.push_back(static_cast<std::int32_t>(random.below(23)));
      for (int f = 0; f < features; ++f) {
        batch.features.push_back(static_cast<std::int32_t>(random.below(24)) - 1);
      }
    }
    batch.offsets.push_back(static_cast<std::int32_t>(batch.tokens.size()));
  }
  return batch;
}

// Labels become spans: of each sequence, from its second candidate to its third.
Batch with_spans(Batch batch) {
  batch.labels.clear();
  std::size_t row = 0;
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    const std::size_t first = row;
    while (row < batch.rows.size() && batch.rows[row] < batch.offsets[s + 1]) ++row;
    const auto last = static_cast<std::int32_t>(row) - 1;
    const auto start = std::min(last, static_cast<std::int32_t>(first) + 1);
    batch.spans.push_back(start);
    batch.spans.push_back(std::min(last, start + 1));
  }
  return batch;
}

// Central differences at some values of every part.
void expect_right_gradients(const EncoderOptions& options, const Batch& batch) {
  Encoder<double> encoder(options);
  const double loss = encoder.loss_and_gradients(batch);
  EXPECT_NEAR(loss, encoder.loss(batch), 1e-12);
  const auto gradients = encoder.gradients();
  Random random(1, "places");
  for (const Parameter& part : encoder.layout().parts()) {
    for (int i = 0; i < 12; ++i) {
      const std::size_t at = part.offset + random.below(part.size());
      constexpr double kStep = 1e-5;
      double& value = encoder.parameters()[at];
      const double before = value;
      const auto loss_at = [&](double moved) {
        value = moved;
        encoder.parameters_changed();
        return encoder.loss(batch);
      };
      const double slope = (loss_at(before + kStep) - loss_at(before - kStep)) / (2 * kStep);
      value = before;
      encoder.parameters_changed();
      EXPECT_NEAR(gradients[at], slope, 1e-7 + 1e-5 * std::abs(slope)) << part.name;
    }
  }
}

TEST(Features, GradientsAreThoseOfFiniteDifferences) {
  // vaswani scales tokens; gpt reads them at the other end too.
  for (const std::string system : {"encoder", "vaswani", "bert"}) {
    expect_right_gradients(tiny(system, 5), some_batch({5, 9, 1}, 3, 5));
  }
  expect_right_gradients(tiny("gpt", 23), some_batch({5, 9, 1}, 2, 23, 2));
}

TEST(Features, AreRowsAddedToTheToken) {
  const EncoderOptions options = tiny("encoder", 5);
  Encoder<double> encoder(options);
  const Batch plain = some_batch({6, 3}, 0, 5);
  const double loss = encoder.loss(plain);
  // None of them changes nothing, bit for bit.
  Batch none = plain;
  none.features.assign(2 * plain.size(), -1);
  EXPECT_EQ(encoder.loss(none), loss);
  // A token as its own feature is twice the token.
  Batch twice = plain;
  twice.features = plain.tokens;
  const double twice_loss = encoder.loss(twice);
  EXPECT_NE(twice_loss, loss);
  const Parameter& table = encoder.layout().parts().front();
  ASSERT_EQ(table.name, "token");
  for (std::size_t i = 0; i < table.size(); ++i) encoder.parameters()[table.offset + i] *= 2;
  encoder.parameters_changed();
  EXPECT_NEAR(encoder.loss(plain), twice_loss, 1e-12);
}

TEST(Features, PaddingHasNone) {
  for (const bool spans : {false, true}) {
    const int classes = spans ? 2 : 5;
    Batch batch = some_batch({6, 3, 9}, 2, classes);
    if (spans) batch = with_spans(batch);
    Encoder<double> encoder(tiny("bert", classes));
    EXPECT_NEAR(encoder.loss(padded(batch)), encoder.loss(batch), 1e-12);
    const double packed = encoder.loss_and_gradients(batch);
    const auto gradients = encoder.gradients();
    EXPECT_NEAR(encoder.loss_and_gradients(padded(batch)), packed, 1e-12);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      EXPECT_NEAR(encoder.gradients()[i], gradients[i], 1e-12);
    }
  }
}

TEST(Spans, GradientsAreThoseOfFiniteDifferences) {
  for (const std::string system : {"encoder", "bert", "gpt", "longformer"}) {
    expect_right_gradients(tiny(system, 2), with_spans(some_batch({5, 9, 2, 7}, 0, 2, 2)));
  }
  expect_right_gradients(tiny("encoder", 2), with_spans(some_batch({5, 9, 1}, 2, 2)));
}

TEST(Spans, LossIsTheDirectFormula) {
  Encoder<double> encoder(tiny("encoder", 2));
  const Batch batch = with_spans(some_batch({5, 9, 2}, 0, 2, 2));
  std::vector<double> losses;
  const double mean = encoder.loss(batch, &losses);
  ASSERT_EQ(losses.size(), 3u);
  const double* logits = encoder.logits();
  long double sum = 0;
  std::size_t row = 0;
  for (std::size_t s = 0; s < 3; ++s) {
    const std::size_t first = row;
    while (row < batch.rows.size() && batch.rows[row] < batch.offsets[s + 1]) ++row;
    long double loss = 0;
    for (const std::size_t side : {0, 1}) {
      long double all = 0;
      for (std::size_t r = first; r < row; ++r) {
        all += std::exp(static_cast<long double>(logits[2 * r + side]));
      }
      const auto right = static_cast<std::size_t>(batch.spans[2 * s + side]);
      loss += (std::log(all) - static_cast<long double>(logits[2 * right + side])) / 2;
    }
    EXPECT_NEAR(losses[s], static_cast<double>(loss), 1e-12);
    sum += loss / 3;
  }
  EXPECT_NEAR(mean, static_cast<double>(sum), 1e-12);
}

// More than one block: the losses and gradients of the whole are means over all sequences.
TEST(Spans, BlocksDoNotMatter) {
  std::vector<int> lengths;
  for (int i = 0; i < 90; ++i) lengths.push_back(4 + i % 20);
  const Batch batch = with_spans(some_batch(lengths, 1, 2));
  ASSERT_GT(batch.size(), 2 * kBlockRows);
  const EncoderOptions options = tiny("encoder", 2);
  Encoder<double> encoder(options);
  std::vector<double> losses;
  const double mean = encoder.loss(batch, &losses);
  EXPECT_EQ(losses.size(), lengths.size());
  EXPECT_NEAR(encoder.loss_and_gradients(batch), mean, 1e-12);
  EXPECT_LE(encoder.arena_bytes(), [&] {
    const Footprint bytes =
        footprint<double>(options, largest_of(std::vector<Batch>{batch}), /*trains=*/true);
    return bytes.kept + bytes.scratch;
  }());
  // One by one.
  double sum = 0;
  std::size_t row = 0;
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    Batch one;
    const auto first = static_cast<std::size_t>(batch.offsets[s]);
    const auto last = static_cast<std::size_t>(batch.offsets[s + 1]);
    one.tokens.assign(batch.tokens.begin() + static_cast<long>(first),
                      batch.tokens.begin() + static_cast<long>(last));
    one.features.assign(batch.features.begin() + static_cast<long>(first),
                        batch.features.begin() + static_cast<long>(last));
    for (std::size_t t = 0; t < last - first; ++t) {
      one.positions.push_back(static_cast<std::int32_t>(t));
      one.rows.push_back(static_cast<std::int32_t>(t));
    }
    one.offsets.push_back(static_cast<std::int32_t>(last - first));
    one.spans = {batch.spans[2 * s] - static_cast<std::int32_t>(row),
                 batch.spans[2 * s + 1] - static_cast<std::int32_t>(row)};
    row += last - first;
    sum += encoder.loss(one);
  }
  EXPECT_NEAR(sum / static_cast<double>(batch.sequences()), mean, 1e-10);
}

TEST(HiddenStates, OfTheLastLayerAreWhatTheHeadReads) {
  std::vector<int> lengths(60, 17);  // two blocks
  const Batch batch = some_batch(lengths, 0, 5);
  const EncoderOptions options = tiny("encoder", 5);
  Encoder<double> encoder(options);
  const auto states = encoder.hidden_states(batch);
  ASSERT_EQ(states.size(), 2u);
  ASSERT_EQ(states[1].size(), batch.size() * 8);
  const double* logits = encoder.forward(batch);
  const auto part = [&](const std::string& name) {
    for (const Parameter& one : encoder.layout().parts()) {
      if (one.name == name) return encoder.parameters().data() + one.offset;
    }
    throw std::runtime_error("no " + name);
  };
  const double *weight = part("head"), *bias = part("head_bias");
  for (std::size_t t = 0; t < batch.size(); t += 97) {
    for (std::size_t c = 0; c < 5; ++c) {
      double sum = bias[c];
      for (std::size_t i = 0; i < 8; ++i) sum += states[1][t * 8 + i] * weight[i * 5 + c];
      EXPECT_NEAR(sum, logits[t * 5 + c], 1e-10);
    }
  }
  EXPECT_NE(states[0][0], states[1][0]);
}

TEST(Batches, ThatCannotBeAreNamed) {
  Encoder<float> encoder(tiny("encoder", 2));
  const auto error = [&](auto change) {
    Batch batch = with_spans(some_batch({5, 4}, 1, 2));
    change(batch);
    return message_of<UserError>([&] { encoder.loss(batch); });
  };
  EXPECT_THAT(error([](Batch& b) { b.features.pop_back(); }),
              HasSubstr("a batch of 9 tokens has 8 features; give each token as many"));
  EXPECT_THAT(error([](Batch& b) { b.features[0] = 23; }),
              HasSubstr("feature id 23 is neither -1 nor inside the vocabulary of 23"));
  EXPECT_THAT(error([](Batch& b) { b.features[0] = -2; }), HasSubstr("feature id -2"));
  EXPECT_THAT(error([](Batch& b) { b.spans.pop_back(); }),
              HasSubstr("2 sequences has 3 ends of spans and 0 labels"));
  EXPECT_THAT(error([](Batch& b) { b.labels.push_back(0); }), HasSubstr("1 labels"));
  EXPECT_THAT(error([](Batch& b) { b.spans[1] = 5; }),
              HasSubstr("the span 1 to 5 of sequence 0 is not among its candidate rows 0 to 4"));
  EXPECT_THAT(error([](Batch& b) { std::swap(b.spans[2], b.spans[3]); }), HasSubstr("sequence 1"));
  Encoder<float> three(tiny("encoder", 3));
  const Batch spans = with_spans(some_batch({5}, 0, 2));
  EXPECT_THAT(message_of<UserError>([&] { three.loss(spans); }), HasSubstr("take 2 classes"));
}

}  // namespace
}  // namespace posbench
