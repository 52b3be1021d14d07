// A warm step takes no memory: every malloc and new of this process is counted.
#include "encoder_cost/allocations.h"

#include <gtest/gtest.h>

#include <tuple>

#include "base/error.h"
#include "encoder/optimizer.h"
#include "encoder_helpers.h"

namespace posbench {
namespace {

constexpr int kLongest = 40, kCached = 20;

// Packed sentences: each batch has other lengths, and other rows in its last block.
std::vector<Batch> batches() {
  Random random(9, "sentences");
  std::vector<Batch> all(6);
  for (Batch& batch : all) {
    while (batch.size() < 700) {
      std::vector<std::int32_t> tokens(1 + random.below(kLongest), 3), labels(tokens.size(), 1);
      append_sequence(batch, tokens, labels);
    }
  }
  return all;
}

class WarmStep : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  static EncoderOptions options() {
    EncoderOptions options;
    options.shape = {.vocabulary = 12,
                     .classes = 5,
                     .hidden = 64,
                     .layers = 2,
                     .heads = 2,
                     .feed_forward = 256,
                     .max_length = kLongest + kCached};
    std::tie(options.system, options.precision) = GetParam();
    options.encoding = find_system(options.system).encoding;
    options.shape.window = 8;
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

// Products of a step and a scoring pass of each batch: five a layer at most and the head's, forward
// twice, and two for each of them backward.
std::size_t products(const std::vector<Batch>& all, const EncoderOptions& options) {
  std::size_t blocks = 0;
  for (const Batch& batch : all) {
    for (Block block{}; block.last_sequence < batch.sequences(); ++blocks) {
      block = next_block(batch, block);
    }
  }
  return blocks * 4 * (5 * static_cast<std::size_t>(options.shape.layers) + 1);
}

TEST_P(WarmStep, AllocatesNothing) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer takes the place of malloc itself";
#endif
  try {
    Encoder<float> encoder(options());
    Optimizer<float> optimizer({.steps = 100}, encoder.layout());
    const std::vector<Batch> all = batches();
    const bool remembers = find_system(options().system).has_memory;
    std::vector<LayerStates<float>> states;
    for (const Batch& batch : all) {
      states.emplace_back(encoder.shape(), batch.sequences(), remembers ? kCached : 0);
    }
    const auto pass = [&] {
      for (std::size_t b = 0; b < all.size(); ++b) {
        LayerStates<float>* const of_batch = remembers ? &states[b] : nullptr;
        encoder.loss_and_gradients(all[b], of_batch);
        optimizer.step(encoder);
        encoder.loss(all[b], nullptr, of_batch);
      }
    };
    const Allocations cold = allocations();
    pass();
    EXPECT_GT(since(cold).own, 0u);  // the counter counts
    // Until the states are full, each pass meets products of another number of rows.
    for (int i = 0; remembers && i < kCached; ++i) pass();
    pass();  // arenas have joined their blocks
    const Allocations warm = allocations();
    pass();
    const Allocations first = since(warm);
    EXPECT_EQ(first.own, 0u);
    // oneDNN makes a map of each product's arguments, whoever calls it; that is all, in every step.
    const Allocations again = allocations();
    pass();
    EXPECT_EQ(since(again).libraries, first.libraries);
    if (!remembers) {  // where other blocks hold more rows
      EXPECT_LE(first.libraries, kMostOfAProduct * products(all, options()));
    }
  } catch (const Unavailable& error) {
    GTEST_SKIP() << error.what();
  }
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const EncoderSystem& system : systems()) all.emplace_back(system.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(SystemAndPrecision, WarmStep,
                         testing::Combine(testing::ValuesIn(names()),
                                          testing::Values("f32", "bf16")),
                         [](const auto& which) {
                           return std::get<0>(which.param) + "_" + std::get<1>(which.param);
                         });

}  // namespace
}  // namespace posbench
