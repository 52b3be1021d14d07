// The arithmetic of bytes against what encoders really take.
#include "encoder/footprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "encoder/arena.h"
#include "encoder_helpers.h"

namespace posbench {
namespace {

// Large enough that both arenas outgrow their smallest block.
EncoderOptions some_encoder(const std::string& precision, double dropout = 0) {
  EncoderOptions options;
  options.shape = {.vocabulary = 50,
                   .classes = 7,
                   .hidden = 32,
                   .layers = 3,
                   .heads = 2,
                   .feed_forward = 96,
                   .max_length = 40};
  options.precision = precision;
  options.dropout = dropout;
  return options;
}

// Sequences of these lengths; every `stride`-th row has a label.
Batch batch_of(const std::vector<int>& lengths, int stride) {
  Batch batch;
  int row = 0;
  for (const int length : lengths) {
    std::vector<std::int32_t> tokens, labels;
    for (int t = 0; t < length; ++t, ++row) {
      tokens.push_back(row % 50);
      labels.push_back(row % stride == 0 ? row % 7 : -1);
    }
    append_sequence(batch, tokens, labels);
  }
  return batch;
}

template <class Real>
void pass(Encoder<Real>& encoder, const Batch& batch, bool trains) {
  for (int i = 0; i < 2; ++i) {  // the second finds the arenas in one piece
    if (trains) encoder.loss_and_gradients(batch);
    encoder.forward(batch);
  }
}

template <class Real>
void expect_exact(const EncoderOptions& options, int stride) {
  const Batch batch = batch_of(std::vector<int>(12, 40), stride);
  ASSERT_LT(batch.size(), kBlockRows);
  for (const bool trains : {false, true}) {
    Encoder<Real> encoder(options);
    pass(encoder, batch, trains);
    const Footprint bytes = footprint<Real>(options, largest_of({&batch, 1}), trains);
    EXPECT_EQ(encoder.arena_bytes(), bytes.kept + bytes.scratch)
        << options.precision << (trains ? " training" : " inferring") << ", label every " << stride;
    EXPECT_EQ(encoder.parameters().size() * sizeof(Real), bytes.parameters);
    EXPECT_EQ(encoder.gradients().size() * sizeof(Real), bytes.gradients);
  }
}

TEST(Footprint, IsWhatTheArenasTake) {
  for (const int stride : {1, 3}) {
    expect_exact<float>(some_encoder("f32"), stride);
    expect_exact<float>(some_encoder("f32", 0.1), stride);
    expect_exact<double>(some_encoder("f32"), stride);
    try {
      expect_exact<float>(some_encoder("bf16"), stride);
      expect_exact<float>(some_encoder("bf16", 0.1), stride);
    } catch (const Unavailable& error) {
      GTEST_SKIP() << error.what();
    }
  }
}

TEST(Footprint, IsWhatTheArenasOfEverySystemTake) {
  for (const EncoderSystem& system : systems()) {
    for (const int stride : {1, 3}) {
      for (const double dropout : {0.0, 0.1}) {
        EncoderOptions options = some_encoder("f32", dropout);
        options.system = system.name;
        options.encoding = system.encoding;
        options.shape.window = 5;
        if (system.ties_output) options.shape.classes = options.shape.vocabulary;
        expect_exact<float>(options, stride);
        expect_exact<double>(options, stride);
        options.precision = "bf16";
        try {
          expect_exact<float>(options, stride);
        } catch (const Unavailable&) {
          continue;  // a CPU without bf16
        }
      }
    }
  }
}

TEST(Footprint, HoldsStatesAndTheRowsThatTheyJoin) {
  for (const std::string precision : {"f32", "bf16"}) {
    for (const int stride : {1, 3}) {
      for (const bool trains : {false, true}) {
        EncoderOptions options = some_encoder(precision);
        options.system = options.encoding = "transformer_xl";
        const Batch batch = batch_of(std::vector<int>(12, 25), stride);
        try {
          Encoder<float> encoder(options);
          LayerStates<float> states(options.shape, 12, 15);
          for (int i = 0; i < 4; ++i) {  // the last two find the states full
            if (trains) encoder.loss_and_gradients(batch, &states);
            encoder.forward(batch, &states);
          }
          const BatchSize size{300, 40, batch.rows.size(), 12 * 15};
          const Footprint bytes = footprint<float>(options, size, trains);
          // Cached rows have no queries; the bound does not count on it.
          EXPECT_LE(encoder.arena_bytes(), bytes.kept + bytes.scratch)
              << precision << (trains ? " training" : " inferring") << ", label every " << stride;
          EXPECT_GE(1.1 * static_cast<double>(encoder.arena_bytes()),
                    static_cast<double>(bytes.kept + bytes.scratch));
          EXPECT_EQ(bytes.states, states.bytes());
        } catch (const Unavailable&) {
          continue;  // a CPU without bf16
        }
      }
    }
  }
}

TEST(Footprint, CountsTheTiedTableAmongThePackedWeights) {
  EncoderOptions options = some_encoder("f32");
  options.system = "gpt";
  const std::uint64_t own = footprint<float>(options, {400, 40, 400}, true).packed;
  options.shape.classes = options.shape.vocabulary;
  const std::uint64_t tied = footprint<float>(options, {400, 40, 400}, true).packed;
  EXPECT_EQ(tied - own, 2 * sizeof(float) * 32 * (50 - 7));
}

TEST(Footprint, BoundsRaggedBatchesOfSeveralBlocks) {
  const EncoderOptions options = some_encoder("f32");
  std::vector<int> lengths;
  for (int i = 0; i < 120; ++i) lengths.push_back(1 + i * 7 % 40);
  for (const int stride : {1, 5}) {
    const Batch batch = batch_of(lengths, stride);
    ASSERT_GT(batch.size(), 3 * kBlockRows);
    for (const bool trains : {false, true}) {
      Encoder<float> encoder(options);
      pass(encoder, batch, trains);
      const Footprint bytes = footprint<float>(options, largest_of({&batch, 1}), trains);
      EXPECT_LE(encoder.arena_bytes(), bytes.kept + bytes.scratch);
      // Other batches of this size have blocks of 5/4 of the rows, and all sequences as long.
      EXPECT_GE(1.4 * static_cast<double>(encoder.arena_bytes()),
                static_cast<double>(bytes.kept + bytes.scratch));
    }
  }
}

TEST(Footprint, TakesTheLargestOfSeveralBatches) {
  const std::vector<Batch> batches = {batch_of({3, 40, 2}, 1), batch_of({30, 30}, 7)};
  const BatchSize size = largest_of(batches);
  EXPECT_EQ(size.rows, 60u);
  EXPECT_EQ(size.longest, 40u);
  EXPECT_EQ(size.labels, 45u);
}

TEST(Footprint, DoesNotGrowWithTheBatchButForItsLogits) {
  const EncoderOptions options = some_encoder("f32");
  const Footprint small = footprint<float>(options, {2000, 40, 2000}, true);
  const Footprint large = footprint<float>(options, {200000, 40, 200000}, true);
  EXPECT_EQ(small.kept, large.kept);
  EXPECT_EQ(small.scratch, large.scratch);
  EXPECT_EQ(large.total() - small.total(), 198000u * 7 * sizeof(float));
}

TEST(Footprint, CountsEveryParameterOfEveryEncodingAndDepth) {
  for (const auto& about : encodings()) {
    for (const int layers : {1, 2, 5}) {
      EncoderOptions options = some_encoder("f32");
      options.encoding = about.name;
      options.shape.layers = layers;
      const Encoder<float> encoder(options);
      const Footprint bytes = footprint<float>(options, {1, 1, 1}, true);
      EXPECT_EQ(bytes.parameters, encoder.parameters().size() * sizeof(float)) << about.name;
      EXPECT_EQ(bytes.moments, 2 * bytes.parameters);
      const auto encoding = make_encoding<float>(about.name, encoding_options(options));
      EXPECT_EQ(encoder.layout().count("position"),
                encoding->parameter_count(static_cast<std::size_t>(layers)));
      EXPECT_EQ(bytes.positions, encoding->table_bytes() + encoding->scratch_bytes()) << about.name;
    }
  }
}

TEST(Footprint, OfBf16HoldsItsCopyAndHalfTheActivations) {
  const Footprint single = footprint<float>(some_encoder("f32"), {400, 40, 400}, true);
  const Footprint half = footprint<float>(some_encoder("bf16"), {400, 40, 400}, true);
  EXPECT_EQ(single.stored, 0u);
  EXPECT_EQ(half.stored, single.parameters / 2);
  EXPECT_EQ(half.packed, single.packed / 2);
  EXPECT_EQ(half.parameters, single.parameters);
  EXPECT_LT(half.kept, single.kept);
}

TEST(Footprint, BeyondEveryMachineIsRefusedAndDoesNotOverflow) {
  EncoderOptions options = some_encoder("f32");
  options.shape.hidden = options.shape.feed_forward = options.shape.layers = 1 << 24;
  const Footprint bytes = footprint<float>(options, {1, 1, 1}, true);
  EXPECT_GE(bytes.total(), std::numeric_limits<std::uint64_t>::max() / 2);
  options.shape.hidden = options.shape.feed_forward = 1 << 16;
  options.shape.layers = 1000;
  EXPECT_THAT(
      [&] {
        require_footprint({&options, 1}, {4096, 40, 4096}, true);
      },
      testing::ThrowsMessage<UserError>(testing::AllOf(
          testing::HasSubstr("an encoder of d 65536, 1000 layers and 50 words, training on "
                             "batches of 4096 tokens: "),
          testing::HasSubstr(" bytes of memory needed ("),
          testing::HasSubstr("take a smaller shape"))));
  const EncoderOptions small = some_encoder("f32");
  EXPECT_NO_THROW(require_footprint({&small, 1}, {4096, 40, 4096}, true));
}

}  // namespace
}  // namespace posbench
