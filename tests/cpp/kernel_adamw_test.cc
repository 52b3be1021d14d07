// The sum of squares and AdamW in f32 against f64, on every instruction set of this CPU.
#include "kernel/adamw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "guarded.h"
#include "row_helpers.h"

namespace posbench {
namespace {

TEST(SumOfSquares, FollowsF64) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const std::size_t n = rows * d;
    const Floats x = random_floats(n, "x");
    const double exact = sum_of_squares(widened(x).data(), n);
    Guarded<float> guarded(x);
    const double slack = static_cast<double>(std::min<std::size_t>(n, 4096) + 2) * kU * exact;
    ASSERT_NEAR(sum_of_squares(guarded.data(), n), exact, slack);
  });
}

// The blocks are there so that a million equal terms do not stop adding up at 2^24.
TEST(SumOfSquares, DoesNotStall) {
  on_every_target([] {
    const std::size_t n = std::size_t{1} << 25;
    EXPECT_DOUBLE_EQ(sum_of_squares(Floats(n, 1.0f).data(), n), static_cast<double>(n));
  });
}

TEST(Adamw, FollowsF64) {
  const AdamwStep step{1e-2, 0.1, 0.7, 1 - std::pow(0.9, 3), 1 - std::pow(0.999, 3)};
  for_every_shape([&](std::size_t rows, std::size_t d) {
    const std::size_t n = rows * d;
    const Floats gradient = random_floats(n, "gradient"), value = random_floats(n, "value");
    const Floats m = random_floats(n, "m"), v = uniform_floats(n, "v", 0.0, 1.0);
    Doubles value_d = widened(value), m_d = widened(m), v_d = widened(v);
    adamw(step, widened(gradient).data(), n, value_d.data(), m_d.data(), v_d.data());
    Guarded<float> gradient_f(gradient), value_f(value), m_f(m), v_f(v);
    Guarded<Bf16> stored(n);
    adamw(step, gradient_f.data(), n, value_f.data(), m_f.data(), v_f.data(), stored.data());
    EXPECT_EQ(bits(stored.values()), bits(narrowed(value_f.values())));
    Floats again = value, m_again = m, v_again = v;
    adamw(step, gradient.data(), n, again.data(), m_again.data(), v_again.data());
    EXPECT_EQ(again, value_f.values());

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

// The first step with its bias correction moves every value by the learning rate, whatever the size
// of its gradient (Kingma and Ba 2015).
TEST(Adamw, TheFirstStepMovesByTheLearningRate) {
  on_every_target([] {
    const AdamwStep step{0.25, 0.0, 1.0, 1 - AdamwStep::kBeta1, 1 - AdamwStep::kBeta2};
    const Floats gradient = {3.0f, -1e-3f, 7e4f};
    Floats value(3, 1.0f), m(3, 0.0f), v(3, 0.0f);
    adamw(step, gradient.data(), 3, value.data(), m.data(), v.data());
    EXPECT_NEAR(value[0], 0.75, 1e-5);
    EXPECT_NEAR(value[1], 1.25, 1e-5);
    EXPECT_NEAR(value[2], 0.75, 1e-5);
  });
}

// A parameter that has never had a gradient stays where it is, but for decay: no 0 / 0.
TEST(Adamw, WithoutGradientOnlyDecays) {
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

TEST(Adamw, NotANumberStaysOne) {
  on_every_target([] {
    const AdamwStep step{0.5, 0.25, 1.0, 0.1, 0.001};
    Floats gradient(20, 1.0f), value(20, 8.0f), m(20, 0.0f), v(20, 0.0f);
    gradient[17] = std::nanf("");
    Bf16s stored(20);
    adamw(step, gradient.data(), 20, value.data(), m.data(), v.data(), stored.data());
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(std::isnan(value[i]), i == 17);
      EXPECT_EQ(std::isnan(to_float(stored[i])), i == 17);
    }
  });
}

}  // namespace
}  // namespace posbench
