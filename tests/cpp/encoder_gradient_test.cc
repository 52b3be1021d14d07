// Every gradient of the encoder against central finite differences, in f64.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "encoder_helpers.h"

namespace posbench {
namespace {

class EveryEncoding : public testing::TestWithParam<std::string> {};

TEST_P(EveryEncoding, GradientOfEveryParameterIsTheFiniteDifference) {
  Encoder<double> encoder(tiny_encoder(GetParam()));
  randomize(encoder);
  const Batch batch = packed_batch();
  encoder.loss_and_gradients(batch);
  const Buffer<double> gradients = encoder.gradients();
  const auto loss_at = [&](double& parameter, double value) {
    parameter = value;
    return encoder.loss(batch);
  };
  for (const Parameter& part : encoder.layout().parts()) {
    double largest = 0;
    for (std::size_t i = 0; i < part.size(); ++i) {
      double& parameter = encoder.parameters()[part.offset + i];
      const double kept = parameter;
      // The step that balances the truncation, h², against the rounding of the loss, 1e-16 / h.
      const double step = 1e-5;
      const double slope =
          (loss_at(parameter, kept + step) - loss_at(parameter, kept - step)) / (2 * step);
      parameter = kept;
      ASSERT_NEAR(gradients[part.offset + i], slope, 2e-9) << part.name << "[" << i << "]";
      largest = std::max(largest, std::abs(slope));
    }
    // Agreement of zeros would prove nothing.
    if (part.size() > 0) {
      EXPECT_GT(largest, 1e-4) << part.name;
    }
  }
}

std::vector<std::string> every_name() {
  std::vector<std::string> names;
  for (const auto& about : encodings()) names.push_back(about.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Gradient, EveryEncoding, testing::ValuesIn(every_name()),
                         [](const auto& which) { return which.param; });

TEST(Gradient, OfATokenThatDoesNotOccurIsZero) {
  Encoder<double> encoder(tiny_encoder());
  const Batch batch = packed_batch();
  encoder.loss_and_gradients(batch);
  const double* row = encoder.gradients().data() + encoder.layout().parts().front().offset + 11 * 8;
  ASSERT_EQ(encoder.layout().parts().front().name, "token");
  EXPECT_THAT(std::vector<double>(row, row + 8), testing::Each(0.0));
}

TEST(Gradient, IsThatOfTheLastBatchAlone) {
  Encoder<double> encoder(tiny_encoder()), fresh(tiny_encoder());
  Batch other;
  append_sequence(other, {7, 8, 11}, {1, 1, 1});
  encoder.loss_and_gradients(other);
  for (Encoder<double>* each : {&encoder, &fresh}) {
    each->loss_and_gradients(packed_batch());
  }
  EXPECT_EQ(encoder.gradients(), fresh.gradients());
}

// The mean over the batch: gradients of a batch repeated are those of the batch.
TEST(Gradient, DoesNotDependOnHowOftenTheBatchIsRepeated) {
  Encoder<double> encoder(tiny_encoder());
  randomize(encoder);
  Batch twice = packed_batch();
  append_sequence(twice, {3, 1, 4, 1}, {0, -1, 2, 1});
  append_sequence(twice, {5}, {2});
  append_sequence(twice, {9, 2, 6, 5, 3, 10}, {-1, 0, -1, 1, 1, 2});
  const double loss = encoder.loss_and_gradients(packed_batch());
  const Buffer<double> gradients = encoder.gradients();
  EXPECT_NEAR(encoder.loss_and_gradients(twice), loss, 1e-14);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    ASSERT_NEAR(encoder.gradients()[i], gradients[i], 1e-14);
  }
}

}  // namespace
}  // namespace posbench
