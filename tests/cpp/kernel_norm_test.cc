// add_norm and its backward: f64 against finite differences, f32 against f64 on every target.
#include "kernel/norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "guarded.h"
#include "row_helpers.h"

namespace posbench {
namespace {

// The loss is the sum of weights · y, so that dL/dy is weights.
struct Problem {
  std::size_t rows = 3, d = 7;
  Doubles product = random_doubles(rows * d, "product"), bias = random_doubles(d, "bias");
  Doubles residual = random_doubles(rows * d, "residual");
  Doubles gamma = random_doubles(d, "gamma"), beta = random_doubles(d, "beta");
  Doubles weights = random_doubles(rows * d, "weights");
  Doubles y = Doubles(rows * d), normalised = Doubles(rows * d), inverse = Doubles(rows);

  double loss() {
    add_norm(product.data(), bias.data(), residual.data(), gamma.data(), beta.data(), rows, d,
             y.data(), nullptr, normalised.data(), inverse.data());
    return std::inner_product(y.begin(), y.end(), weights.begin(), 0.0);
  }
};

TEST(AddNorm, RowsHaveMeanZeroAndVarianceOneBeforeGammaAndBeta) {
  Problem problem;
  problem.loss();
  for (std::size_t r = 0; r < problem.rows; ++r) {
    double sum = 0, squares = 0;
    for (std::size_t i = r * problem.d; i < (r + 1) * problem.d; ++i) {
      sum += problem.normalised[i];
      squares += problem.normalised[i] * problem.normalised[i];
      EXPECT_NEAR(
          problem.y[i],
          problem.gamma[i % problem.d] * problem.normalised[i] + problem.beta[i % problem.d],
          1e-14);
    }
    EXPECT_NEAR(sum, 0, 1e-13);
    EXPECT_NEAR(squares / static_cast<double>(problem.d), 1, 1e-11);
  }
}

TEST(AddNorm, EveryGradientEqualsFiniteDifferences) {
  Problem problem;
  problem.loss();
  Doubles dx(problem.y.size()), dgamma(problem.d), dbeta(problem.d), dbias(problem.d);
  add_norm_backward(problem.weights.data(), problem.gamma.data(), problem.normalised.data(),
                    problem.inverse.data(), problem.rows, problem.d, dx.data(), nullptr,
                    dgamma.data(), dbeta.data(), dbias.data());
  const auto expect = [&](Doubles& parameters, const Doubles& gradient) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      EXPECT_NEAR(gradient[i], slope_by_differences(parameters[i], [&] { return problem.loss(); }),
                  1e-8);
    }
  };
  expect(problem.product, dx);
  expect(problem.residual, dx);
  expect(problem.bias, dbias);
  expect(problem.gamma, dgamma);
  expect(problem.beta, dbeta);
}

struct Forward {
  Floats product, bias, residual, gamma, beta;
  Doubles y, normalised, inverse;  // the answers in f64

  Forward(std::size_t rows, std::size_t d)
      : product(random_floats(rows * d, "product")),
        bias(random_floats(d, "bias")),
        residual(random_floats(rows * d, "residual")),
        gamma(random_floats(d, "gamma")),
        beta(random_floats(d, "beta")),
        y(rows * d),
        normalised(rows * d),
        inverse(rows) {
    for (float& value : product) value = 3.0f * value + 1.0f;
    add_norm(widened(product).data(), widened(bias).data(), widened(residual).data(),
             widened(gamma).data(), widened(beta).data(), rows, d, y.data(), nullptr,
             normalised.data(), inverse.data());
  }

  // The largest magnitude that goes into row r.
  double largest(std::size_t r) const {
    double top = 0;
    for (std::size_t i = 0; i < bias.size(); ++i) {
      const std::size_t at = r * bias.size() + i;
      top = std::max(top, std::abs(wide(product[at])) + std::abs(wide(bias[i])) +
                              std::abs(wide(residual[at])));
    }
    return top;
  }
};

TEST(AddNorm, EveryTargetFollowsF64) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const Forward expected(rows, d);
    Guarded<float> product(expected.product), bias(expected.bias), residual(expected.residual);
    Guarded<float> gamma(expected.gamma), beta(expected.beta);
    Guarded<float> y(rows * d), normalised(rows * d), inverse(rows);
    Guarded<Bf16> stored(rows * d);
    add_norm(product.data(), bias.data(), residual.data(), gamma.data(), beta.data(), rows, d,
             y.data(), stored.data(), normalised.data(), inverse.data());
    EXPECT_EQ(bits(stored.values()), bits(narrowed(y.values())));
    for (std::size_t r = 0; r < rows; ++r) {
      // The mean errs by n·u·max|x|; in units of the deviation that is the error of z, and what the
      // deviation inherits from it scales with z.
      const double slack =
          static_cast<double>(d + 12) * kU * (1 + expected.largest(r) * expected.inverse[r]);
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

// Inference keeps nothing, and writes where it reads.
TEST(AddNorm, InPlaceAndWithoutKeepingIsTheSameBits) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const Forward given(rows, d);
    Floats y(rows * d), normalised(rows * d), inverse(rows);
    const auto run = [&](const float* product, const float* residual, float* out, float* z) {
      add_norm(product, given.bias.data(), residual, given.gamma.data(), given.beta.data(), rows, d,
               out, nullptr, z, z == nullptr ? nullptr : inverse.data());
    };
    run(given.product.data(), given.residual.data(), y.data(), normalised.data());
    Floats product = given.product, residual = given.residual;
    run(product.data(), given.residual.data(), product.data(), nullptr);
    EXPECT_EQ(product, y);
    run(given.product.data(), residual.data(), residual.data(), nullptr);
    EXPECT_EQ(residual, y);
    // z over the product, y over the residual: what a training step does.
    product = given.product;
    residual = given.residual;
    run(product.data(), residual.data(), residual.data(), product.data());
    EXPECT_EQ(residual, y);
    EXPECT_EQ(product, normalised);
  });
}

TEST(AddNorm, ATermThatIsNullIsZero) {
  on_every_target([] {
    const std::size_t rows = 5, d = 19;
    const Forward given(rows, d);
    const Floats nothing(rows * d, 0.0f);
    const auto run = [&](const float* product, const float* bias, const float* residual) {
      Floats y(rows * d);
      add_norm(product, bias, residual, given.gamma.data(), given.beta.data(), rows, d, y.data(),
               nullptr, nullptr, nullptr);
      return y;
    };
    EXPECT_EQ(run(given.product.data(), nullptr, nullptr),
              run(given.product.data(), nothing.data(), nothing.data()));
    EXPECT_EQ(run(nullptr, given.bias.data(), given.residual.data()),
              run(nothing.data(), given.bias.data(), given.residual.data()));
  });
}

TEST(AddNorm, AConstantRowIsBeta) {
  on_every_target([] {
    const std::size_t d = 37;
    const Floats x(d, 4.0f), gamma = random_floats(d, "gamma"), beta = random_floats(d, "beta");
    Floats y(d), normalised(d), inverse(1);
    add_norm(x.data(), nullptr, nullptr, gamma.data(), beta.data(), 1, d, y.data(), nullptr,
             normalised.data(), inverse.data());
    EXPECT_EQ(y, beta);
    EXPECT_THAT(normalised, testing::Each(0.0f));
    EXPECT_NEAR(wide(inverse[0]), 1e6, 1.0);  // 1 / sqrt(1e-12)
  });
}

TEST(AddNorm, NotANumberTakesItsRowAndNoOther) {
  on_every_target([] {
    const std::size_t rows = 6, d = 20;
    Forward given(rows, d);
    given.product[2 * d + 3] = std::numeric_limits<float>::quiet_NaN();
    Floats y(rows * d);
    Bf16s stored(rows * d);
    add_norm(given.product.data(), given.bias.data(), given.residual.data(), given.gamma.data(),
             given.beta.data(), rows, d, y.data(), stored.data(), nullptr, nullptr);
    for (std::size_t i = 0; i < rows * d; ++i) {
      EXPECT_EQ(std::isnan(y[i]), i / d == 2);
      EXPECT_EQ(std::isnan(to_float(stored[i])), i / d == 2);
    }
  });
}

TEST(AddNormBackward, EveryTargetFollowsF64InPlaceToo) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const Floats dy = random_floats(rows * d, "dy"), gamma = random_floats(d, "gamma");
    const Floats z = random_floats(rows * d, "z");
    const Floats inverse = uniform_floats(rows, "inverse", 0.5, 2.0);
    const Floats dgamma0 = random_floats(d, "dgamma"), dbeta0 = random_floats(d, "dbeta");
    const Floats dbias0 = random_floats(d, "dbias");

    Doubles dx(rows * d), dgamma = widened(dgamma0), dbeta = widened(dbeta0);
    Doubles dbias = widened(dbias0);
    add_norm_backward(widened(dy).data(), widened(gamma).data(), widened(z).data(),
                      widened(inverse).data(), rows, d, dx.data(), nullptr, dgamma.data(),
                      dbeta.data(), dbias.data());

    Guarded<float> guarded_gamma(gamma), guarded_z(z), guarded_inverse(inverse);
    Guarded<float> in_place(dy), dgamma_f(dgamma0), dbeta_f(dbeta0), dbias_f(dbias0);
    Guarded<Bf16> stored(rows * d);
    add_norm_backward(in_place.data(), guarded_gamma.data(), guarded_z.data(),
                      guarded_inverse.data(), rows, d, in_place.data(), stored.data(),
                      dgamma_f.data(), dbeta_f.data(), dbias_f.data());
    EXPECT_EQ(bits(stored.values()), bits(narrowed(in_place.values())));

    Doubles dbias_slack(d);
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
        const double slack = static_cast<double>(d + 10) * kU * magnitude * wide(inverse[r]);
        ASSERT_NEAR(wide(in_place[at]), dx[at], slack);
        dbias_slack[i] += slack + static_cast<double>(rows + 1) * kU * std::abs(dx[at]);
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
      ASSERT_NEAR(wide(dbias_f[i]), dbias[i], dbias_slack[i] + 2 * kU * std::abs(dbias[i]));
    }

    Floats elsewhere(rows * d), dgamma_again = dgamma0, dbeta_again = dbeta0;
    add_norm_backward(dy.data(), gamma.data(), z.data(), inverse.data(), rows, d, elsewhere.data(),
                      nullptr, dgamma_again.data(), dbeta_again.data(), nullptr);
    EXPECT_EQ(elsewhere, in_place.values());
    EXPECT_EQ(dgamma_again, dgamma_f.values());
    Floats over_z = z;
    dgamma_again = dgamma0;
    add_norm_backward(dy.data(), gamma.data(), over_z.data(), inverse.data(), rows, d,
                      over_z.data(), nullptr, dgamma_again.data(), dbeta_again.data(), nullptr);
    EXPECT_EQ(over_z, elsewhere);
    EXPECT_EQ(dgamma_again, dgamma_f.values());
  });
}

}  // namespace
}  // namespace posbench
