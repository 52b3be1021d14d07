// A warm step takes no memory: every malloc and new of this process is counted.
#include "encoder_cost/allocations.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "encoder/optimizer.h"
#include "encoder_helpers.h"

namespace posbench {
namespace {

// Packed sentences: each batch has other lengths, and other rows in its last block.
std::vector<Batch> batches() {
  Random random(9, "sentences");
  std::vector<Batch> all(6);
  for (Batch& batch : all) {
    while (batch.size() < 700) {
      std::vector<std::int32_t> tokens(1 + random.below(40), 3), labels(tokens.size(), 1);
      append_sequence(batch, tokens, labels);
    }
  }
  return all;
}

class WarmStep : public testing::TestWithParam<std::string> {
 protected:
  static EncoderOptions options() {
    EncoderOptions options;
    options.shape = {.vocabulary = 12,
                     .classes = 5,
                     .hidden = 64,
                     .layers = 2,
                     .heads = 2,
                     .feed_forward = 256,
                     .max_length = 40};
    options.precision = GetParam();
    options.dropout = 0.1;
    return options;
  }
};

Allocations since(const Allocations& before) {
  const Allocations now = allocations();
  return {now.own - before.own, now.libraries - before.libraries};
}

// What oneDNN 2.6 asks for in one call, at most.
constexpr std::size_t kMostOfAProduct = 8;

// Products of a step and a scoring pass of each batch: four a layer and the head's, forward twice,
// and two for each of them backward.
std::size_t products(const std::vector<Batch>& all, const EncoderOptions& options) {
  std::size_t blocks = 0;
  for (const Batch& batch : all) {
    for (Block block{}; block.last_sequence < batch.sequences(); ++blocks) {
      block = next_block(batch, block);
    }
  }
  return blocks * 4 * (4 * static_cast<std::size_t>(options.shape.layers) + 1);
}

TEST_P(WarmStep, AllocatesNothing) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer takes the place of malloc itself";
#endif
  try {
    Encoder<float> encoder(options());
    Optimizer<float> optimizer({.steps = 100}, encoder.layout());
    const std::vector<Batch> all = batches();
    const auto pass = [&] {
      for (const Batch& batch : all) {
        encoder.loss_and_gradients(batch);
        optimizer.step(encoder);
        encoder.loss(batch);
      }
    };
    const Allocations cold = allocations();
    pass();
    EXPECT_GT(since(cold).own, 0u);  // the counter counts
    pass();                          // arenas have joined their blocks
    const Allocations warm = allocations();
    pass();
    const Allocations first = since(warm);
    EXPECT_EQ(first.own, 0u);
    // oneDNN makes a map of each product's arguments, whoever calls it; that is all, in every step.
    const Allocations again = allocations();
    pass();
    EXPECT_EQ(since(again).libraries, first.libraries);
    EXPECT_LE(first.libraries, kMostOfAProduct * products(all, options()));
  } catch (const Unavailable& error) {
    GTEST_SKIP() << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Precision, WarmStep, testing::Values("f32", "bf16"),
                         [](const auto& which) { return which.param; });

}  // namespace
}  // namespace posbench
