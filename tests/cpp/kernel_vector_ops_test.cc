// Every f32 operation against the scalar f64 reference, on every instruction set of this CPU.
//
// The bounds are the usual ones of rounding analysis: with u = 2^-24, a sum of n products errs by
// at most about n·u times the sum of their magnitudes, whatever the order; a chain of k operations
// adds k·u. They are loose for long sums, but a wrong formula misses them by orders of magnitude.
#include "kernel/vector_ops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "base/random.h"
#include "every_target.h"
#include "guarded.h"
#include "kernel/vector_ops_scalar.h"

namespace posbench {
namespace {

constexpr double kU = 0x1p-24;

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

Floats random_floats(std::size_t n, std::string_view purpose) {
  Random random(11, purpose);
  Floats values(n);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// In [low, high).
Floats uniform_floats(std::size_t n, std::string_view purpose, double low, double high) {
  Random random(11, purpose);
  Floats values(n);
  for (float& value : values) value = static_cast<float>(low + (high - low) * random.uniform());
  return values;
}

Doubles widened(const Floats& values) { return {values.begin(), values.end()}; }

double wide(float value) { return static_cast<double>(value); }

// The largest magnitude of row r.
double largest(const Floats& values, std::size_t r, std::size_t d) {
  double top = 0;
  for (std::size_t i = r * d; i < (r + 1) * d; ++i) top = std::max(top, std::abs(wide(values[i])));
  return top;
}

// Every partial vector of every width (the widest has 16 lanes, and loops may be unrolled by four),
// then sizes of real models and one beyond a block of sum_of_squares.
std::vector<std::size_t> sizes() {
  std::vector<std::size_t> all(70);
  std::iota(all.begin(), all.end(), 1);
  for (const std::size_t more : {127, 128, 129, 768, 1000, 5000}) all.push_back(more);
  return all;
}

// Calls body(rows, width) on every target, for every width with one row and with several.
template <class Body>
void for_every_shape(Body body) {
  on_every_target([&] {
    for (const std::size_t width : sizes()) {
      for (const std::size_t rows : {std::size_t{1}, std::size_t{3}}) {
        SCOPED_TRACE(testing::Message() << rows << " rows of " << width);
        body(rows, width);
        if (testing::Test::HasFailure()) return;  // one message is enough
      }
    }
  });
}

TEST(VectorOps, ThisCpuHasMoreThanOneTarget) {
  EXPECT_GT(hwy::SupportedAndGeneratedTargets().size(), 1u);
}

// One rounding for each addition, in the order of the rows: exactly the scalar loop in f32.
TEST(VectorOps, AdditionsEqualTheScalarLoopBitByBit) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const Floats x = random_floats(rows * d, "x"), y = random_floats(rows * d, "y");
    const Floats bias = random_floats(d, "bias");

    Floats expected = y;
    scalar::add_to(expected.data(), x.data(), expected.size());
    Guarded<float> in(x), sum(y);
    add_to(sum.data(), in.data(), in.size());
    EXPECT_EQ(sum.values(), expected);

    expected = x;
    scalar::add_bias(expected.data(), bias.data(), rows, d);
    Guarded<float> biased(x), guarded_bias(bias);
    add_bias(biased.data(), guarded_bias.data(), rows, d);
    EXPECT_EQ(biased.values(), expected);

    expected = bias;
    scalar::add_column_sums(expected.data(), x.data(), rows, d);
    add_column_sums(guarded_bias.data(), in.data(), rows, d);
    EXPECT_EQ(guarded_bias.values(), expected);
  });
}

struct LayerNormCase {
  Floats x, gamma, beta;
  Doubles y, normalised, inverse;  // the reference's answers

  LayerNormCase(std::size_t rows, std::size_t d)
      : x(random_floats(rows * d, "x")),
        gamma(random_floats(d, "gamma")),
        beta(random_floats(d, "beta")),
        y(rows * d),
        normalised(rows * d),
        inverse(rows) {
    for (float& value : x) value = 3.0f * value + 1.0f;
    scalar::layer_norm(widened(x).data(), widened(gamma).data(), widened(beta).data(), rows, d,
                       y.data(), normalised.data(), inverse.data());
  }
};

TEST(VectorOps, LayerNorm) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const LayerNormCase expected(rows, d);
    Guarded<float> x(expected.x), gamma(expected.gamma), beta(expected.beta);
    Guarded<float> y(rows * d), normalised(rows * d), inverse(rows);
    layer_norm(x.data(), gamma.data(), beta.data(), rows, d, y.data(), normalised.data(),
               inverse.data());
    for (std::size_t r = 0; r < rows; ++r) {
      // The mean errs by n·u·max|x|; in units of the deviation that is the error of z, and what the
      // deviation inherits from it scales with z.
      const double top = largest(expected.x, r, d);
      const double slack = static_cast<double>(d + 10) * kU * (1 + top * expected.inverse[r]);
      ASSERT_NEAR(wide(inverse[r]), expected.inverse[r], slack * expected.inverse[r]);
      for (std::size_t i = 0; i < d; ++i) {
        const std::size_t at = r * d + i;
        const double z_slack = slack * (1 + std::abs(expected.normalised[at]));
        ASSERT_NEAR(wide(normalised[at]), expected.normalised[at], z_slack);
        ASSERT_NEAR(wide(y[at]), expected.y[at],
                    z_slack * std::abs(wide(gamma[i])) + 2 * kU * std::abs(wide(beta[i])));
      }
    }
  });
}

TEST(VectorOps, LayerNormInPlaceIsTheSameBits) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const LayerNormCase given(rows, d);
    Floats y(rows * d), normalised(rows * d), inverse(rows);
    layer_norm(given.x.data(), given.gamma.data(), given.beta.data(), rows, d, y.data(),
               normalised.data(), inverse.data());
    Floats x = given.x, normalised_again(rows * d), inverse_again(rows);
    layer_norm(x.data(), given.gamma.data(), given.beta.data(), rows, d, x.data(),
               normalised_again.data(), inverse_again.data());
    EXPECT_EQ(x, y);
    EXPECT_EQ(normalised_again, normalised);
    EXPECT_EQ(inverse_again, inverse);
  });
}

TEST(VectorOps, LayerNormOfAConstantRowIsBeta) {
  on_every_target([] {
    const std::size_t d = 37;
    const Floats x(d, 4.0f), gamma = random_floats(d, "gamma"), beta = random_floats(d, "beta");
    Floats y(d), normalised(d), inverse(1);
    layer_norm(x.data(), gamma.data(), beta.data(), 1, d, y.data(), normalised.data(),
               inverse.data());
    EXPECT_EQ(y, beta);
    EXPECT_THAT(normalised, testing::Each(0.0f));
    EXPECT_NEAR(wide(inverse[0]), 1e6, 1.0);  // 1 / sqrt(1e-12)
  });
}

TEST(VectorOps, LayerNormBackward) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const Floats dy = random_floats(rows * d, "dy"), gamma = random_floats(d, "gamma");
    const Floats z = random_floats(rows * d, "z");
    const Floats inverse = uniform_floats(rows, "inverse", 0.5, 2.0);
    const Floats dgamma0 = random_floats(d, "dgamma"), dbeta0 = random_floats(d, "dbeta");

    Doubles dx(rows * d), dgamma = widened(dgamma0), dbeta = widened(dbeta0);
    scalar::layer_norm_backward(widened(dy).data(), widened(gamma).data(), widened(z).data(),
                                widened(inverse).data(), rows, d, dx.data(), dgamma.data(),
                                dbeta.data());

    Guarded<float> guarded_gamma(gamma), guarded_z(z), guarded_inverse(inverse);
    Guarded<float> in_place(dy), dgamma_f(dgamma0), dbeta_f(dbeta0);
    layer_norm_backward(in_place.data(), guarded_gamma.data(), guarded_z.data(),
                        guarded_inverse.data(), rows, d, in_place.data(), dgamma_f.data(),
                        dbeta_f.data());
    for (std::size_t r = 0; r < rows; ++r) {
      double sum = 0, sum_z = 0;  // of magnitudes
      for (std::size_t i = 0; i < d; ++i) {
        const double inner = std::abs(wide(dy[r * d + i]) * wide(gamma[i]));
        sum += inner / static_cast<double>(d);
        sum_z += inner * std::abs(wide(z[r * d + i])) / static_cast<double>(d);
      }
      for (std::size_t i = 0; i < d; ++i) {
        const std::size_t at = r * d + i;
        const double magnitude =
            std::abs(wide(dy[at]) * wide(gamma[i])) + sum + std::abs(wide(z[at])) * sum_z;
        ASSERT_NEAR(wide(in_place[at]), dx[at],
                    static_cast<double>(d + 10) * kU * magnitude * wide(inverse[r]));
      }
    }
    for (std::size_t i = 0; i < d; ++i) {
      double magnitude = std::abs(wide(dgamma0[i])) + std::abs(wide(dbeta0[i]));
      for (std::size_t r = 0; r < rows; ++r) {
        magnitude += std::abs(wide(dy[r * d + i])) * (1 + std::abs(wide(z[r * d + i])));
      }
      const double slack = static_cast<double>(rows + 2) * kU * magnitude;
      ASSERT_NEAR(wide(dgamma_f[i]), dgamma[i], slack);
      ASSERT_NEAR(wide(dbeta_f[i]), dbeta[i], slack);
    }
  });
}

// Abramowitz and Stegun promise 1.5e-7 for erf, so 0.75e-7 for Φ. The magnitudes of the
// polynomial's coefficients add up to 4.5; each is rounded about twice, and Φ takes half of the
// sum. x multiplies it all.
constexpr double kCdfSlack = 0.75e-7 + 4.5 * kU;
double gelu_slack(double x) { return kCdfSlack * std::abs(x) + 1e-30; }

// The slope adds x·φ(x), at most 0.25, with some five roundings.
constexpr double kGeluSlopeSlack = kCdfSlack + 2 * kU;

TEST(VectorOps, GeluAndItsSlopeOverTheRangeThatMatters) {
  const std::size_t n = 400001;
  Floats x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = static_cast<float>(static_cast<double>(i) * 5e-5 - 10);
  Doubles exact(n), slope(n, 1.0);
  scalar::gelu(widened(x).data(), n, exact.data());
  scalar::gelu_backward(widened(x).data(), n, slope.data());
  on_every_target([&] {
    Floats y(n), dy(n, 1.0f);
    gelu(x.data(), n, y.data());
    gelu_backward(x.data(), n, dy.data());
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_NEAR(wide(y[i]), exact[i], gelu_slack(wide(x[i]))) << "x = " << x[i];
      ASSERT_NEAR(wide(dy[i]), slope[i], kGeluSlopeSlack) << "x = " << x[i];
    }
  });
}

TEST(VectorOps, GeluAtTheEndsOfTheNumberLine) {
  on_every_target([] {
    const Floats x = {0.0f, 1e4f, -1e4f, 1e18f, -1e18f, 1e-30f};
    Floats y(x.size()), dy(x.size(), 1.0f);
    gelu(x.data(), x.size(), y.data());
    gelu_backward(x.data(), x.size(), dy.data());
    EXPECT_THAT(
        y, testing::ElementsAre(0.0f, 1e4f, 0.0f, 1e18f, 0.0f, testing::FloatNear(5e-31f, 1e-36f)));
    for (const std::size_t i : {0, 5}) EXPECT_NEAR(wide(dy[i]), 0.5, kGeluSlopeSlack);
    for (const std::size_t i : {1, 3}) EXPECT_NEAR(wide(dy[i]), 1.0, kGeluSlopeSlack);
    for (const std::size_t i : {2, 4}) EXPECT_NEAR(wide(dy[i]), 0.0, kGeluSlopeSlack);
  });
}

TEST(VectorOps, GeluOfEverySize) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const std::size_t n = rows * d;
    const Floats x = random_floats(n, "x"), dy = random_floats(n, "dy");
    Doubles exact(n), slope = widened(dy);
    scalar::gelu(widened(x).data(), n, exact.data());
    scalar::gelu_backward(widened(x).data(), n, slope.data());
    Guarded<float> in(x), y(n), dy_f(dy);
    gelu(in.data(), n, y.data());
    gelu_backward(in.data(), n, dy_f.data());
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_NEAR(wide(y[i]), exact[i], gelu_slack(wide(x[i])));
      ASSERT_NEAR(wide(dy_f[i]), slope[i], (kGeluSlopeSlack + 2 * kU) * std::abs(wide(dy[i])));
    }
  });
}

TEST(VectorOps, Softmax) {
  const float scale = 0.35f;
  for_every_shape([scale](std::size_t rows, std::size_t n) {
    Floats x = random_floats(rows * n, "x");
    for (float& value : x) value *= 20.0f;
    Doubles p = widened(x);
    scalar::softmax(p.data(), rows, n, wide(scale));
    Guarded<float> q(x);
    softmax(q.data(), rows, n, scale);
    for (std::size_t r = 0; r < rows; ++r) {
      const float top = *std::max_element(x.begin() + static_cast<long>(r * n),
                                          x.begin() + static_cast<long>((r + 1) * n));
      double sum = 0;
      for (std::size_t i = r * n; i < (r + 1) * n; ++i) {
        // exp turns the absolute error of its argument into a relative one.
        const double argument = wide(scale) * std::abs(wide(x[i]) - wide(top));
        ASSERT_NEAR(wide(q[i]), p[i],
                    p[i] * kU * (2 * argument + static_cast<double>(n) + 10) + 1e-37);
        sum += wide(q[i]);
      }
      ASSERT_NEAR(sum, 1.0, static_cast<double>(n + 4) * kU);
    }
  });
}

TEST(VectorOps, SoftmaxSurvivesInputsThatWouldOverflowExp) {
  on_every_target([] {
    Floats x = {1e30f, -1e30f, 1e30f, 0.0f, 1e30f};
    softmax(x.data(), 1, 5, 1.0f);
    const auto third = testing::FloatNear(1.0f / 3, 1e-7f);
    EXPECT_THAT(x, testing::ElementsAre(third, 0.0f, third, 0.0f, third));
    Floats negative = {-1e30f, -1e30f};
    softmax(negative.data(), 1, 2, 4.0f);
    EXPECT_THAT(negative, testing::ElementsAre(0.5f, 0.5f));
    Floats alone = {-77.0f};
    softmax(alone.data(), 1, 1, 3.0f);
    EXPECT_THAT(alone, testing::ElementsAre(1.0f));
  });
}

TEST(VectorOps, SoftmaxPassesNotANumberOn) {
  on_every_target([] {
    Floats x = {1.0f, std::nanf(""), 2.0f};
    softmax(x.data(), 1, 3, 1.0f);
    EXPECT_THAT(x, testing::Each(testing::IsNan()));
  });
}

TEST(VectorOps, SoftmaxBackward) {
  const float scale = 0.25f;
  for_every_shape([scale](std::size_t rows, std::size_t n) {
    Floats p = random_floats(rows * n, "p");
    scalar::softmax(p.data(), rows, n, 1.0f);
    const Floats dp = random_floats(rows * n, "dp");
    Doubles dx = widened(dp);
    scalar::softmax_backward(widened(p).data(), dx.data(), rows, n, wide(scale));
    Guarded<float> guarded_p(p), dx_f(dp);
    softmax_backward(guarded_p.data(), dx_f.data(), rows, n, scale);
    for (std::size_t r = 0; r < rows; ++r) {
      double dot = 0;
      for (std::size_t i = r * n; i < (r + 1) * n; ++i) dot += std::abs(wide(p[i]) * wide(dp[i]));
      for (std::size_t i = r * n; i < (r + 1) * n; ++i) {
        const double magnitude = wide(scale) * wide(p[i]) * (std::abs(wide(dp[i])) + dot);
        ASSERT_NEAR(wide(dx_f[i]), dx[i], static_cast<double>(n + 10) * kU * magnitude);
      }
    }
  });
}

TEST(VectorOps, SumOfSquares) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const std::size_t n = rows * d;
    const Floats x = random_floats(n, "x");
    const double exact = scalar::sum_of_squares(widened(x).data(), n);
    Guarded<float> guarded(x);
    const double slack = static_cast<double>(std::min<std::size_t>(n, 4096) + 2) * kU * exact;
    ASSERT_NEAR(sum_of_squares(guarded.data(), n), exact, slack);
  });
}

// The blocks are there so that a million equal terms do not stop adding up at 2^24.
TEST(VectorOps, SumOfSquaresDoesNotStall) {
  on_every_target([] {
    const std::size_t n = std::size_t{1} << 25;
    EXPECT_DOUBLE_EQ(sum_of_squares(Floats(n, 1.0f).data(), n), static_cast<double>(n));
  });
}

TEST(VectorOps, Adamw) {
  const AdamwStep step{1e-2, 0.1, 0.7, 1 - std::pow(0.9, 3), 1 - std::pow(0.999, 3)};
  for_every_shape([&](std::size_t rows, std::size_t d) {
    const std::size_t n = rows * d;
    const Floats gradient = random_floats(n, "gradient"), value = random_floats(n, "value");
    const Floats m = random_floats(n, "m"), v = uniform_floats(n, "v", 0.0, 1.0);
    Doubles value_d = widened(value), m_d = widened(m), v_d = widened(v);
    scalar::adamw(step, widened(gradient).data(), n, value_d.data(), m_d.data(), v_d.data());
    Guarded<float> gradient_f(gradient), value_f(value), m_f(m), v_f(v);
    adamw(step, gradient_f.data(), n, value_f.data(), m_f.data(), v_f.data());
    for (std::size_t i = 0; i < n; ++i) {
      const double mean = 0.9 * std::abs(wide(m[i])) + 0.07 * std::abs(wide(gradient[i]));
      ASSERT_NEAR(wide(m_f[i]), m_d[i], 4 * kU * mean);
      ASSERT_NEAR(wide(v_f[i]), v_d[i], 6 * kU * v_d[i]);
      const double deviation = std::sqrt(v_d[i] / step.correction2) + AdamwStep::kEpsilon;
      const double move = step.learning_rate * mean / step.correction1 / deviation;
      ASSERT_NEAR(wide(value_f[i]), value_d[i], 12 * kU * move + 4 * kU * std::abs(wide(value[i])));
    }
  });
}

// A parameter that has never had a gradient stays where it is, but for decay: no 0 / 0.
TEST(VectorOps, AdamwWithoutGradientOnlyDecays) {
  on_every_target([] {
    const AdamwStep step{0.5, 0.25, 1.0, 0.1, 0.001};
    const Floats gradient(5, 0.0f);
    Floats value(5, 8.0f), m(5, 0.0f), v(5, 0.0f);
    adamw(step, gradient.data(), 5, value.data(), m.data(), v.data());
    EXPECT_THAT(value, testing::Each(7.0f));  // 8 (1 − 0.5 · 0.25)
    EXPECT_THAT(m, testing::Each(0.0f));
    EXPECT_THAT(v, testing::Each(0.0f));
  });
}

}  // namespace
}  // namespace posbench
