// The arithmetic that rates divide by.
#include "flops.h"

#include <gtest/gtest.h>

namespace posbench {
namespace {

// Sequences of these lengths, every token labelled.
Batch batch_of(const std::vector<std::int32_t>& lengths) {
  Batch batch;
  for (const std::int32_t length : lengths) {
    batch.offsets.push_back(batch.offsets.back() + length);
    for (std::int32_t t = 0; t < length; ++t) {
      batch.rows.push_back(static_cast<std::int32_t>(batch.rows.size()));
    }
  }
  batch.tokens.resize(batch.rows.size());
  return batch;
}

TEST(Arithmetic, OfBertBaseIsThePublishedOne) {
  // Twice 85 million weights for each token, and 2 · 2 · L · d of scores and sums a layer.
  const EncoderOptions bert{.shape = {30522, 2, 768, 12, 12, 3072, 128}};
  Batch batch = batch_of({128});
  batch.rows = {0};
  const double weights = 12 * (4.0 * 768 * 768 + 2.0 * 768 * 3072);
  const double expected = 128 * 2e-9 * (weights + 12 * 2.0 * 128 * 768) + 2e-9 * 768 * 2;
  EXPECT_NEAR(gflop_of(bert, batch, /*trains=*/false), expected, 1e-9);
  EXPECT_NEAR(expected, 22.35, 0.01);
  EXPECT_DOUBLE_EQ(gflop_of(bert, batch, /*trains=*/true), 3 * gflop_of(bert, batch, false));
}

// Sequences do not attend to each other: a batch costs what its sequences cost.
TEST(Arithmetic, AddsUpOverSequences) {
  const EncoderOptions shape{.shape = {11, 3, 8, 1, 2, 16, 64}};
  const double apart =
      gflop_of(shape, batch_of({5}), false) + gflop_of(shape, batch_of({40}), false);
  EXPECT_NEAR(gflop_of(shape, batch_of({5, 40}), false), apart, 1e-15);
}

// Without layers' products and the head, what is left are pairs: counted here one by one.
TEST(Arithmetic, CountsThePairsThatAQuerySees) {
  for (const std::string system : {"encoder", "gpt", "longformer"}) {
    for (const int globals : {0, 1, 5, 9}) {
      for (const int length : {1, 4, 9, 20}) {
        EncoderOptions options{.shape = {11, 3, 2, 1, 1, 4, 64}, .system = system};
        options.shape.window = 3;
        options.shape.globals = globals;
        if (globals > length) continue;
        const bool windowed = system == "longformer";
        double pairs = 0;
        for (int i = 0; i < length; ++i) {
          for (int j = 0; j < length; ++j) {
            const bool near = std::abs(i - j) <= 3 || i < globals || j < globals;
            if (system == "gpt" ? j <= i : !windowed || near) ++pairs;
          }
        }
        double products = length * (4.0 * 4 + 2.0 * 2 * 4 + 2 * 3);
        if (windowed && globals > 0) products += 4.0 * (globals + 2 * length);
        EXPECT_NEAR(gflop_of(options, batch_of({length}), false), 2e-9 * (products + 2 * pairs * 2),
                    1e-18)
            << system << ", length " << length << ", globals " << globals;
      }
    }
  }
}

}  // namespace
}  // namespace posbench
