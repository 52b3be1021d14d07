// GELU and its slope: f64 against finite differences and known values, f32 and bf16 against f64 on
// every target.
#include "kernel/gelu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "guarded.h"
#include "row_helpers.h"

namespace posbench {
namespace {

// What rounding to T costs a number.
template <class T>
double rounding(double value) {
  return std::is_same_v<T, Bf16> ? kUBf16 * std::abs(value) : 0;
}

// The polynomial errs by 3.3e-8 / max(1, |x|) in Φ. Its terms, times the density, add up to at most
// 0.9; each is rounded about twice, exp errs by 2e-7 of a tail of at most 1/2, and 1 − tail once.
constexpr double kCdfSlack = 3.3e-8 + 2 * 0.9 * kU + 1e-7 + kU;
static_assert(kCdfSlack < 3.5e-7);
double gelu_slack(double x) { return (kCdfSlack + 2 * kU) * std::abs(x) + 1e-30; }

// The slope adds x·φ(x), at most 0.25, with some eight roundings, exp's included.
constexpr double kSlopeSlack = kCdfSlack + 2 * kU;

TEST(Gelu, KnownValues) {
  // x · Φ(x) and Φ(x) + x · φ(x) to 15 digits.
  const Doubles x = {0, 1, -1, 2, -3}, bias = {0, 0, 0, 0, 0};
  Doubles y(5), slope(5);
  bias_gelu(x.data(), bias.data(), 1, 5, y.data(), slope.data());
  const Doubles expected = {0, 0.841344746068543, -0.158655253931457, 1.954499736103642,
                            -0.004049694094890};
  const Doubles slopes = {0.5, 1.083315470587686, -0.083315470587686, 1.085231801078197,
                          -0.011945647204184};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(y[i], expected[i], 1e-14);
    EXPECT_NEAR(slope[i], slopes[i], 1e-14);
  }
}

TEST(Gelu, TheSlopeEqualsFiniteDifferencesAndTheBiasIsAddedFirst) {
  const std::size_t rows = 3, n = 5;
  Doubles x = random_doubles(rows * n, "x");
  Doubles bias = random_doubles(n, "bias"), y(rows * n), slope(rows * n), unused(rows * n);
  bias_gelu(x.data(), bias.data(), rows, n, y.data(), slope.data());
  for (std::size_t i = 0; i < rows * n; ++i) {
    const auto value = [&] {
      bias_gelu(x.data(), bias.data(), rows, n, unused.data(), static_cast<double*>(nullptr));
      return unused[i];
    };
    EXPECT_NEAR(slope[i], slope_by_differences(x[i], value), 1e-9);
    EXPECT_NEAR(slope[i], slope_by_differences(bias[i % n], value), 1e-9);
  }
}

template <class T>
void expect_close_to_f64(const std::vector<T>& x, const Floats& bias, std::size_t rows,
                         const std::vector<T>& y, const std::vector<T>& slope) {
  const std::size_t n = bias.size();
  Doubles exact(rows * n), exact_slope(rows * n);
  bias_gelu(widened(x).data(), widened(bias).data(), rows, n, exact.data(), exact_slope.data());
  for (std::size_t i = 0; i < rows * n; ++i) {
    const double v = wide(x[i]) + wide(bias[i % n]);
    // The sum is rounded, and no slope is above 1.13.
    const double sum_slack = 1.13 * kU * std::abs(v);
    const double slack = gelu_slack(v) + sum_slack;
    ASSERT_NEAR(wide(y[i]), exact[i], slack + rounding<T>(std::abs(exact[i]) + slack)) << v;
    const double slope_slack = kSlopeSlack + sum_slack;
    ASSERT_NEAR(wide(slope[i]), exact_slope[i],
                slope_slack + rounding<T>(std::abs(exact_slope[i]) + slope_slack))
        << v;
  }
}

template <class T>
class GeluStored : public testing::Test {};
using StoredTypes = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(GeluStored, StoredTypes);

TYPED_TEST(GeluStored, FollowsF64OverTheRangeThatMatters) {
  const std::size_t n = 400001;
  Floats numbers(n);
  for (std::size_t i = 0; i < n; ++i) {
    numbers[i] = static_cast<float>(static_cast<double>(i) * 5e-5 - 10);
  }
  const auto x = made_of<TypeParam>(numbers);
  const Floats bias(n, 0.0f);
  on_every_target([&] {
    std::vector<TypeParam> y(n), slope(n);
    bias_gelu(x.data(), bias.data(), 1, n, y.data(), slope.data());
    expect_close_to_f64(x, bias, 1, y, slope);
  });
}

TYPED_TEST(GeluStored, FollowsF64AtEverySizeAndInPlace) {
  for_every_shape([](std::size_t rows, std::size_t n) {
    const auto x = made_of<TypeParam>(random_floats(rows * n, "x"));
    const Floats bias = random_floats(n, "bias");
    Guarded<TypeParam> in(x), y(rows * n), slope(rows * n);
    Guarded<float> guarded_bias(bias);
    bias_gelu(in.data(), guarded_bias.data(), rows, n, y.data(), slope.data());
    expect_close_to_f64(x, bias, rows, y.values(), slope.values());

    const auto raw = widened(y.values()), raw_slope = widened(slope.values());
    Guarded<TypeParam> slope_over_x(x), y_over_x(x);
    bias_gelu(slope_over_x.data(), bias.data(), rows, n, y.data(), slope_over_x.data());
    EXPECT_EQ(widened(slope_over_x.values()), raw_slope);
    bias_gelu(y_over_x.data(), bias.data(), rows, n, y_over_x.data(),
              static_cast<TypeParam*>(nullptr));
    EXPECT_EQ(widened(y_over_x.values()), raw);
  });
}

TYPED_TEST(GeluStored, NotANumberStaysOne) {
  on_every_target([] {
    const std::size_t n = 21;
    for (std::size_t at = 0; at < n; ++at) {
      Floats numbers(n, 1.0f);
      numbers[at] = std::numeric_limits<float>::quiet_NaN();
      const auto x = made_of<TypeParam>(numbers);
      std::vector<TypeParam> y(n), slope(n);
      bias_gelu(x.data(), Floats(n, 0.0f).data(), 1, n, y.data(), slope.data());
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(std::isnan(to_float(y[i])), i == at);
        EXPECT_EQ(std::isnan(to_float(slope[i])), i == at);
      }
    }
  });
}

TEST(Gelu, AtTheEndsOfTheNumberLine) {
  on_every_target([] {
    const Floats x = {0.0f, 1e4f, -1e4f, 1e18f, -1e18f, 1e-30f}, bias(6, 0.0f);
    Floats y(6), slope(6);
    bias_gelu(x.data(), bias.data(), 1, 6, y.data(), slope.data());
    const auto nothing = testing::FloatNear(0.0f, 1e-30f);
    EXPECT_THAT(y, testing::ElementsAre(0.0f, 1e4f, nothing, 1e18f, nothing,
                                        testing::FloatNear(5e-31f, 1e-36f)));
    for (const std::size_t i : {0, 5}) EXPECT_NEAR(wide(slope[i]), 0.5, kSlopeSlack);
    for (const std::size_t i : {1, 3}) EXPECT_NEAR(wide(slope[i]), 1.0, kSlopeSlack);
    for (const std::size_t i : {2, 4}) EXPECT_NEAR(wide(slope[i]), 0.0, kSlopeSlack);
  });
}

TYPED_TEST(GeluStored, BackwardIsAProductAndItsColumnSums) {
  for_every_shape([](std::size_t rows, std::size_t n) {
    const auto slope = made_of<TypeParam>(random_floats(rows * n, "slope"));
    const auto dy = made_of<TypeParam>(random_floats(rows * n, "dy"));
    const Floats dbias = random_floats(n, "dbias");
    Doubles exact = widened(dy), sums = widened(dbias);
    gelu_backward(widened(slope).data(), rows, n, exact.data(), sums.data());
    Guarded<TypeParam> guarded_slope(slope), product(dy);
    Guarded<float> guarded_sums(dbias);
    gelu_backward(guarded_slope.data(), rows, n, product.data(), guarded_sums.data());
    Doubles magnitudes(n);
    for (std::size_t i = 0; i < rows * n; ++i) {
      const double f32_slack = kU * std::abs(exact[i]);
      ASSERT_NEAR(wide(product[i]), exact[i], f32_slack + rounding<TypeParam>(1.01 * exact[i]));
      magnitudes[i % n] += std::abs(exact[i]);
    }
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_NEAR(wide(guarded_sums[i]), sums[i],
                  static_cast<double>(rows + 1) * kU * (magnitudes[i] + std::abs(wide(dbias[i]))));
    }
  });
}

}  // namespace
}  // namespace posbench
