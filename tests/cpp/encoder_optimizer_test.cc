#include "encoder/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace posbench {
namespace {

std::vector<double> rates(double warmup, int steps) {
  std::vector<double> all;
  for (int t = 0; t < steps; ++t) {
    all.push_back(learning_rate_at({.learning_rate = 0.5, .warmup = warmup, .steps = steps}, t));
  }
  return all;
}

TEST(LearningRate, RisesToThePeakAndFallsTowardsZero) {
  EXPECT_THAT(rates(0.4, 5),
              testing::Pointwise(testing::DoubleNear(1e-15), {0.25, 0.5, 0.375, 0.25, 0.125}));
  for (const auto& [warmup, steps] : {std::pair{0.1, 300}, {0.1, 37}, {0.5, 2}, {1.0, 9}}) {
    const auto all = rates(warmup, steps);
    const auto peak = std::max_element(all.begin(), all.end());
    EXPECT_LE(*peak, 0.5);
    EXPECT_GT(*peak, 0.45) << steps;
    EXPECT_TRUE(std::is_sorted(all.begin(), peak));
    EXPECT_TRUE(std::is_sorted(peak, all.end(), std::greater<>()));
    EXPECT_GT(all.back(), 0.0);
    EXPECT_THAT(all, testing::Each(testing::Gt(0.0)));
  }
}

TEST(LearningRate, ReachesThePeakExactlyWhereWarmUpIsAWholeNumberOfSteps) {
  EXPECT_EQ(rates(0.1, 300)[29], 0.5);
  EXPECT_LT(rates(0.1, 300)[28], 0.5);
  EXPECT_LT(rates(0.1, 300)[30], 0.5);
}

TEST(LearningRate, WorksWithoutWarmUpAndForOneStep) {
  const auto all = rates(0.0, 10);
  EXPECT_NEAR(all.front(), 0.5, 0.05);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), std::greater<>()));
  EXPECT_GT(all.back(), 0.0);
  for (const double warmup : {0.0, 0.1, 1.0}) {
    EXPECT_GT(rates(warmup, 1).front(), 0.2) << warmup;
    EXPECT_LE(rates(warmup, 1).front(), 0.5) << warmup;
  }
}

// One matrix of two values that decays, one vector of two that does not.
struct Small {
  ParameterLayout layout;
  std::size_t matrix = layout.add("matrix", 2, 1, true);
  std::size_t vector = layout.add("vector", 1, 2, false);
  std::vector<double> values = std::vector<double>(layout.buffer_size(), 0.0);
  std::vector<double> gradients = values;
};

// β1, β2 and the unbiased moments make the first step the sign of the gradient, whatever its size.
TEST(Optimizer, FirstStepHasTheLengthOfTheRate) {
  Small small;
  Optimizer<double> optimizer({.learning_rate = 0.5, .warmup = 0.0, .steps = 1}, small.layout);
  small.gradients[small.matrix] = 1e-3;
  small.gradients[small.vector + 1] = -20.0;
  optimizer.step(small.values, small.gradients);
  const double rate = learning_rate_at({.learning_rate = 0.5, .warmup = 0.0, .steps = 1}, 0);
  EXPECT_NEAR(small.values[small.matrix], -rate, 1e-3);
  EXPECT_NEAR(small.values[small.vector + 1], rate, 1e-3);
  EXPECT_EQ(small.values[small.matrix + 1], 0.0);
}

TEST(Optimizer, DecaysMatricesOnly) {
  Small small;
  std::ranges::fill(small.values, 1.0);
  const OptimizerOptions options{
      .learning_rate = 0.5, .warmup = 1.0, .steps = 1, .weight_decay = 0.2};
  Optimizer<double>(options, small.layout).step(small.values, small.gradients);
  EXPECT_DOUBLE_EQ(small.values[small.matrix], 0.9);
  EXPECT_DOUBLE_EQ(small.values[small.matrix + 1], 0.9);
  EXPECT_DOUBLE_EQ(small.values[small.vector], 1.0);
}

// Two steps, because the direction of one does not depend on the gradient's length. Clipping makes
// a gradient of norm 50 the same as its fiftieth.
TEST(Optimizer, ClipsTheNormOfTheWholeGradient) {
  const auto after = [](double first_scale) {
    Small small;
    Optimizer<double> optimizer({.learning_rate = 0.5, .warmup = 0.0, .steps = 2}, small.layout);
    small.gradients[small.matrix] = 0.6 * first_scale;
    small.gradients[small.vector] = -0.8 * first_scale;
    optimizer.step(small.values, small.gradients);
    small.gradients[small.matrix] = 0.1;
    small.gradients[small.vector] = 0.2;
    optimizer.step(small.values, small.gradients);
    return small.values;
  };
  const auto clipped = after(50.0), at_the_norm = after(1.0), below = after(0.5);
  EXPECT_THAT(clipped, testing::Pointwise(testing::DoubleNear(1e-12), at_the_norm));
  EXPECT_GT(std::abs(below.front() - at_the_norm.front()), 1e-3);
}

// A layout leaves gaps between parts: they are no parameters and must stay zero.
TEST(Optimizer, LeavesTheGapsAlone) {
  Small small;
  Optimizer<double> optimizer({.learning_rate = 0.5, .warmup = 0.0, .steps = 3}, small.layout);
  for (const std::size_t at : {small.matrix, small.matrix + 1, small.vector, small.vector + 1}) {
    small.gradients[at] = 1.0;
  }
  for (int i = 0; i < 3; ++i) optimizer.step(small.values, small.gradients);
  for (std::size_t i = 0; i < small.values.size(); ++i) {
    const bool is_gap = small.gradients[i] == 0.0;
    EXPECT_EQ(small.values[i] == 0.0, is_gap) << i;
  }
}

TEST(ParameterLayout, AlignsPartsAndCountsThemWithoutGaps) {
  ParameterLayout layout;
  EXPECT_EQ(layout.add("a", 3, 5, true), 0u);
  EXPECT_EQ(layout.add("b", 1, 17, false), 16u);
  EXPECT_EQ(layout.add("empty", 0, 8, true), 48u);
  EXPECT_EQ(layout.add("c", 1, 16, false), 48u);
  EXPECT_EQ(layout.buffer_size(), 64u);
  EXPECT_EQ(layout.count(), 15u + 17u + 16u);
  EXPECT_EQ(layout.count("b"), 17u);
  EXPECT_EQ(layout.count("empty"), 0u);
  EXPECT_EQ(layout.count("no such part"), 0u);
}

}  // namespace
}  // namespace posbench
