// The rectifier: f64 against its definition, f32 and bf16 against f64 on every target.
#include "kernel/relu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "guarded.h"
#include "row_helpers.h"

namespace posbench {
namespace {

TEST(Relu, KnownValuesAndTheBiasIsAddedFirst) {
  const Doubles x = {-2, -1, 0, 1, 2, 3}, bias = {1.5, 0.5, -2};
  Doubles y(6), dy = {1, 2, 3, 4, 5, 6}, dbias = {10, 20, 30};
  bias_relu(x.data(), bias.data(), 2, 3, y.data());
  EXPECT_THAT(y, testing::ElementsAre(0, 0, 0, 2.5, 2.5, 1));
  relu_backward(y.data(), 2, 3, dy.data(), dbias.data());
  EXPECT_THAT(dy, testing::ElementsAre(0, 0, 0, 4, 5, 6));
  EXPECT_THAT(dbias, testing::ElementsAre(14, 25, 36));
}

template <class T>
class ReluStored : public testing::Test {};
using StoredTypes = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(ReluStored, StoredTypes);

TYPED_TEST(ReluStored, FollowsF64AtEverySizeAndInPlace) {
  for_every_shape([](std::size_t rows, std::size_t n) {
    const auto x = made_of<TypeParam>(random_floats(rows * n, "x"));
    const Floats bias = random_floats(n, "bias");
    Guarded<TypeParam> y(rows * n), in_place(x);
    Guarded<float> guarded_bias(bias);
    bias_relu(x.data(), guarded_bias.data(), rows, n, y.data());
    bias_relu(in_place.data(), bias.data(), rows, n, in_place.data());
    EXPECT_EQ(widened(in_place.values()), widened(y.values()));
    Doubles exact(rows * n);
    bias_relu(widened(x).data(), widened(bias).data(), rows, n, exact.data());
    const double unit = std::is_same_v<TypeParam, Bf16> ? kUBf16 + kU : kU;
    for (std::size_t i = 0; i < rows * n; ++i) {
      ASSERT_NEAR(wide(y[i]), exact[i], unit * std::abs(exact[i]));
    }
  });
}

TYPED_TEST(ReluStored, BackwardIsAMaskAndItsColumnSums) {
  for_every_shape([](std::size_t rows, std::size_t n) {
    Floats activated = random_floats(rows * n, "y");
    for (float& value : activated) value = std::max(value, 0.0f);
    const auto y = made_of<TypeParam>(activated);
    const auto dy = made_of<TypeParam>(random_floats(rows * n, "dy"));
    const Floats dbias = random_floats(n, "dbias");
    Doubles exact = widened(dy), sums = widened(dbias);
    relu_backward(widened(y).data(), rows, n, exact.data(), sums.data());
    Guarded<TypeParam> guarded_y(y), masked(dy);
    Guarded<float> guarded_sums(dbias);
    relu_backward(guarded_y.data(), rows, n, masked.data(), guarded_sums.data());
    EXPECT_EQ(widened(masked.values()), exact);  // nothing is rounded
    for (std::size_t i = 0; i < n; ++i) {
      double magnitude = std::abs(wide(dbias[i]));
      for (std::size_t r = 0; r < rows; ++r) magnitude += std::abs(exact[r * n + i]);
      ASSERT_NEAR(wide(guarded_sums[i]), sums[i], static_cast<double>(rows + 1) * kU * magnitude);
    }
  });
}

TYPED_TEST(ReluStored, NotANumberStaysOne) {
  on_every_target([] {
    const std::size_t n = 21;
    for (std::size_t at = 0; at < n; ++at) {
      Floats numbers(n, -1.0f);
      numbers[at] = std::numeric_limits<float>::quiet_NaN();
      const auto x = made_of<TypeParam>(numbers);
      std::vector<TypeParam> y(n);
      bias_relu(x.data(), Floats(n, 0.0f).data(), 1, n, y.data());
      for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(std::isnan(to_float(y[i])), i == at);
    }
  });
}

}  // namespace
}  // namespace posbench
