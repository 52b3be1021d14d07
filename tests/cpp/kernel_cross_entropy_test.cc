// Cross-entropy: f64 against finite differences and known values, f32 and bf16 against f64 on every
// target.
#include "kernel/cross_entropy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "guarded.h"
#include "row_helpers.h"

namespace posbench {
namespace {

using Labels = std::vector<std::int32_t>;

Labels labels_for(std::size_t rows, std::size_t classes) {
  Labels labels(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    labels[r] = static_cast<std::int32_t>((r * 7 + classes - 1) % classes);  // the last class first
  }
  return labels;
}

TEST(CrossEntropy, EqualLogitsCostTheLogarithmOfTheClasses) {
  on_every_target([] {
    for (const std::size_t classes : {1, 2, 46}) {
      const Floats logits(classes, 3.0f);
      const std::int32_t label = 0;
      float loss = -1;
      Floats slopes(classes);
      cross_entropy(logits.data(), &label, 1, classes, &loss, 1.0f, slopes.data(), nullptr);
      const double count = static_cast<double>(classes);
      EXPECT_NEAR(wide(loss), std::log(count), 4 * kU * std::log(count));
      EXPECT_NEAR(wide(slopes[0]), 1 / count - 1, 4 * kU);
      for (std::size_t c = 1; c < classes; ++c) EXPECT_NEAR(wide(slopes[c]), 1 / count, 4 * kU);
    }
  });
}

TEST(CrossEntropy, TheGradientEqualsFiniteDifferences) {
  const std::size_t rows = 4, classes = 5;
  const double scale = 0.25;
  Doubles logits = random_doubles(rows * classes, "logits"), losses(rows), unused(rows);
  const Labels labels = labels_for(rows, classes);
  Doubles slopes(rows * classes), dbias(classes, 1.0);
  cross_entropy(logits.data(), labels.data(), rows, classes, losses.data(), scale, slopes.data(),
                dbias.data());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double by_differences = slope_by_differences(logits[i], [&] {
      cross_entropy(logits.data(), labels.data(), rows, classes, unused.data(), scale,
                    static_cast<double*>(nullptr), nullptr);
      return scale * std::accumulate(unused.begin(), unused.end(), 0.0);
    });
    EXPECT_NEAR(slopes[i], by_differences, 1e-9);
    dbias[i % classes] -= slopes[i];
  }
  for (const double rest : dbias) EXPECT_NEAR(rest, 1.0, 1e-14);
}

// exp turns the absolute error of its argument, at most `spread`, into a relative one; it errs by
// 2e-7 itself; the sum adds its own roundings.
double relative_slack(double spread, std::size_t classes) {
  return kU * (2 * spread + static_cast<double>(classes) + 12);
}

template <class Stored>
void expect_close_to_f64(std::size_t rows, std::size_t classes) {
  const float scale = 0.35f;
  Floats logits = random_floats(rows * classes, "logits");
  for (float& value : logits) value *= 8.0f;
  const Labels labels = labels_for(rows, classes);
  const Floats dbias0 = random_floats(classes, "dbias");
  Doubles losses(rows), slopes(rows * classes), dbias = widened(dbias0);
  cross_entropy(widened(logits).data(), labels.data(), rows, classes, losses.data(), wide(scale),
                slopes.data(), dbias.data());

  Guarded<float> guarded(logits), losses_f(rows), dbias_f(dbias0);
  Guarded<std::int32_t> guarded_labels(labels);
  Guarded<Stored> slopes_f(rows * classes);
  cross_entropy(guarded.data(), guarded_labels.data(), rows, classes, losses_f.data(), scale,
                slopes_f.data(), dbias_f.data());

  Doubles dbias_slack(classes);
  for (std::size_t r = 0; r < rows; ++r) {
    const auto row = logits.begin() + static_cast<long>(r * classes);
    const auto [low, high] = std::minmax_element(row, row + static_cast<long>(classes));
    const double slack = relative_slack(wide(*high) - wide(*low), classes);
    ASSERT_NEAR(wide(losses_f[r]), losses[r], slack + 4 * kU * losses[r]);
    for (std::size_t c = 0; c < classes; ++c) {
      const std::size_t at = r * classes + c;
      const double p = slopes[at] / wide(scale) + (static_cast<int>(c) == labels[r] ? 1.0 : 0.0);
      const double f32_slack =
          wide(scale) * p * slack + 2 * kU * (std::abs(slopes[at]) + wide(scale) * p) + 1e-37;
      const double rounding =
          std::is_same_v<Stored, Bf16> ? kUBf16 * (std::abs(slopes[at]) + f32_slack) : 0;
      ASSERT_NEAR(wide(slopes_f[at]), slopes[at], f32_slack + rounding) << at;
      dbias_slack[c] += f32_slack + static_cast<double>(rows + 1) * kU * std::abs(slopes[at]);
    }
  }
  for (std::size_t c = 0; c < classes; ++c) {
    ASSERT_NEAR(wide(dbias_f[c]), dbias[c],
                dbias_slack[c] + static_cast<double>(rows + 1) * kU * std::abs(wide(dbias0[c])));
  }
}

TEST(CrossEntropy, EveryTargetFollowsF64) {
  for_every_shape([](std::size_t rows, std::size_t n) { expect_close_to_f64<float>(rows, n); });
}

TEST(CrossEntropy, EveryTargetFollowsF64InBf16) {
  for_every_shape([](std::size_t rows, std::size_t n) { expect_close_to_f64<Bf16>(rows, n); });
}

TEST(CrossEntropy, InPlaceAndWithoutGradientIsTheSameBits) {
  for_every_shape([](std::size_t rows, std::size_t classes) {
    const Floats logits = random_floats(rows * classes, "logits");
    const Labels labels = labels_for(rows, classes);
    Floats losses(rows), slopes(rows * classes), in_place = logits, losses_again(rows);
    cross_entropy(logits.data(), labels.data(), rows, classes, losses.data(), 0.5f, slopes.data(),
                  nullptr);
    cross_entropy(in_place.data(), labels.data(), rows, classes, losses_again.data(), 0.5f,
                  in_place.data(), nullptr);
    EXPECT_EQ(in_place, slopes);
    EXPECT_EQ(losses_again, losses);
    cross_entropy(logits.data(), labels.data(), rows, classes, losses_again.data(), 0.5f,
                  static_cast<float*>(nullptr), nullptr);
    EXPECT_EQ(losses_again, losses);
  });
}

TEST(CrossEntropy, SurvivesLogitsThatWouldOverflowExp) {
  on_every_target([] {
    const Floats logits = {1e30f, -1e30f, 1e30f, 0.0f, 1e30f};
    const std::int32_t label = 2;
    float loss = 0;
    Floats slopes(5);
    cross_entropy(logits.data(), &label, 1, 5, &loss, 3.0f, slopes.data(), nullptr);
    EXPECT_NEAR(wide(loss), std::log(3.0), 1e-6);
    const auto near = [](float value) { return testing::FloatNear(value, 1e-6f); };
    EXPECT_THAT(slopes, testing::ElementsAre(near(1), 0.0f, near(-2), 0.0f, near(1)));
  });
}

TEST(CrossEntropy, NotANumberTakesItsRowAndNoOther) {
  on_every_target([] {
    const std::size_t rows = 3, classes = 21;
    const Labels labels = labels_for(rows, classes);
    for (std::size_t at = 0; at < classes; ++at) {
      Floats logits = random_floats(rows * classes, "logits"), losses(rows);
      logits[classes + at] = std::numeric_limits<float>::quiet_NaN();
      Bf16s slopes(rows * classes);
      cross_entropy(logits.data(), labels.data(), rows, classes, losses.data(), 1.0f, slopes.data(),
                    nullptr);
      for (std::size_t r = 0; r < rows; ++r) EXPECT_EQ(std::isnan(losses[r]), r == 1);
      for (std::size_t i = 0; i < rows * classes; ++i) {
        EXPECT_EQ(std::isnan(to_float(slopes[i])), i / classes == 1);
      }
    }
  });
}

}  // namespace
}  // namespace posbench
