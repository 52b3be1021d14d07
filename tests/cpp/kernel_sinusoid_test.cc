#include "kernel/sinusoid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hwy/aligned_allocator.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/random.h"
#include "every_target.h"
#include "guarded.h"

namespace posbench {
namespace {

constexpr Convention kBoth[] = {Convention::kInterleaved, Convention::kTensor2tensor};

double largest_difference(const std::vector<double>& expected, const float* row) {
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i] - static_cast<double>(row[i])));
  }
  return largest;
}

// Rows that the definition gives by hand.
TEST(SinusoidReference, GoldenValues) {
  const auto paper4 = make_sinusoid(Convention::kInterleaved, 4);
  const std::vector<std::vector<double>> golden = {
      {0, 1, 0, 1},
      {0.8414709848, 0.5403023059, 0.0099998333, 0.9999500004},
      {0.9092974268, -0.4161468365, 0.0199986667, 0.9998000067},
      {0.1411200081, -0.9899924966, 0.0299955002, 0.9995500337}};
  for (std::size_t t = 0; t < golden.size(); ++t) {
    const auto row = sinusoid_reference(paper4, static_cast<std::int64_t>(t));
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(row[i], golden[t][i], 1e-10);
  }
  const std::vector<double> paper8 = {0.841471, 0.540302, 0.099833, 0.995004,
                                      0.010000, 0.999950, 0.001000, 1.000000};
  const std::vector<double> tensor8 = {0.841471, 0.046399, 0.002154, 0.000100,
                                       0.540302, 0.998923, 0.999998, 1.000000};
  const auto row_paper = sinusoid_reference(make_sinusoid(Convention::kInterleaved, 8), 1);
  const auto row_tensor = sinusoid_reference(make_sinusoid(Convention::kTensor2tensor, 8), 1);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(row_paper[i], paper8[i], 5e-7);
    EXPECT_NEAR(row_tensor[i], tensor8[i], 5e-7);
  }
}

TEST(SinusoidReference, ConventionsAreDifferentFunctionsNotTwoLayouts) {
  const std::size_t d = 768;
  const auto paper = make_sinusoid(Convention::kInterleaved, d);
  const auto tensor = make_sinusoid(Convention::kTensor2tensor, d);
  std::vector<double> of_paper(512 * d), of_tensor(512 * d);
  fill_sinusoid_table(paper, 0, 512, of_paper.data());
  fill_sinusoid_table(tensor, 0, 512, of_tensor.data());
  double largest = 0.0;
  for (std::size_t t = 0; t < 512; ++t) {
    for (std::size_t i = 0; i < d / 2; ++i) {
      largest = std::max({largest, std::abs(of_paper[t * d + 2 * i] - of_tensor[t * d + i]),
                          std::abs(of_paper[t * d + 2 * i + 1] - of_tensor[t * d + d / 2 + i])});
    }
  }
  EXPECT_NEAR(largest, 0.483, 0.0005);

  EXPECT_NEAR(static_cast<double>(1.0L / sinusoid_frequencies(paper).back()), 9763.0, 0.1);
  EXPECT_NEAR(static_cast<double>(1.0L / sinusoid_frequencies(tensor).back()), 10000.0, 1e-8);
}

TEST(SinusoidReference, InnerProductsDependOnTheOffsetOnlyAndRowsHaveNormHalfD) {
  for (const Convention convention : kBoth) {
    const auto sinusoid = make_sinusoid(convention, 64);
    const auto product = [&](std::int64_t m, std::int64_t n) {
      const auto a = sinusoid_reference(sinusoid, m), b = sinusoid_reference(sinusoid, n);
      return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
    };
    for (const std::int64_t offset : {0, 1, 5, 100}) {
      const double near = product(3, 3 + offset);
      EXPECT_NEAR(product(400, 400 + offset), near, 1e-11);
      EXPECT_NEAR(product(100000 + offset, 100000), near, 1e-9);
    }
    EXPECT_NEAR(product(12345, 12345), 32.0, 1e-12);
    for (int offset = 0; offset < 5; ++offset) {
      EXPECT_GT(product(0, offset), product(0, offset + 1));
    }
  }
}

TEST(SinusoidTable, IsTheReferenceRounded) {
  for (const Convention convention : kBoth) {
    const auto sinusoid = make_sinusoid(convention, 128);
    for (const std::int64_t t : {0, 1, 511, 2047, 999999}) {
      std::vector<float> row(128);
      fill_sinusoid_table(sinusoid, t, 1, row.data());
      EXPECT_LE(largest_difference(sinusoid_reference(sinusoid, t), row.data()), 3.0e-8);
    }
  }
}

TEST(Sinusoid, OddSizesAndUnknownNamesAreRefused) {
  EXPECT_THROW(make_sinusoid(Convention::kInterleaved, 7), UserError);
  EXPECT_THROW(make_sinusoid(Convention::kInterleaved, 0), UserError);
  EXPECT_THAT([] { convention_from_name("tensor2tensr"); },
              testing::ThrowsMessage<UserError>(
                  testing::HasSubstr("'tensor2tensr'; did you mean 'tensor2tensor'?")));
  EXPECT_THAT([] { sinusoid_producer("recurence"); },
              testing::ThrowsMessage<UserError>(testing::HasSubstr("did you mean 'recurrence'?")));
}

class Producer : public testing::TestWithParam<const SinusoidProducer*> {};

// Runs of 40 rows, so that the recurrence reaches its full period and starts afresh once.
TEST_P(Producer, StaysWithinItsDeclaredToleranceUpToAMillion) {
  const SinusoidProducer& producer = *GetParam();
  double worst_near = 0.0, worst_far = 0.0;
  on_every_target([&] {
    for (const Convention convention : kBoth) {
      for (const std::size_t d : {2, 6, 34, 64, 768}) {
        const auto sinusoid = make_sinusoid(convention, d);
        const auto constants = producer.constants(sinusoid);
        Random random(d, "positions");
        std::vector<std::int64_t> starts = {0, 488, 2008, 999961};
        for (int i = 0; i < 3; ++i) {
          starts.push_back(static_cast<std::int64_t>(random.below(999960)));
        }
        for (const std::int64_t start : starts) {
          constexpr std::size_t kRows = 40;
          std::vector<float> rows(kRows * d);
          producer.rows(sinusoid, constants.data(), start, kRows, rows.data());
          for (std::size_t row = 0; row < kRows; row += 13) {
            const std::int64_t t = start + static_cast<std::int64_t>(row);
            const double error =
                largest_difference(sinusoid_reference(sinusoid, t), rows.data() + row * d);
            EXPECT_LE(error, producer.tolerance(t)) << "d " << d << " t " << t;
            double& worst = t < 2048 ? worst_near : worst_far;
            worst = std::max(worst, error);
          }
        }
      }
    }
  });
  RecordProperty("max_abs_error_below_2048", std::to_string(worst_near));
  printf("%-15s max error: %.3g (t < 2048), %.3g (t <= 1e6)\n", std::string(producer.name).c_str(),
         worst_near, worst_far);
}

TEST_P(Producer, WritesItsRowsAndNothingElse) {
  const SinusoidProducer& producer = *GetParam();
  on_every_target([&] {
    for (const Convention convention : kBoth) {
      for (const std::size_t d : {2, 30, 66}) {
        const auto sinusoid = make_sinusoid(convention, d);
        const auto constants = producer.constants(sinusoid);
        std::vector<float> rows(3 * d + 2, 9.0f);  // odd start: unaligned
        producer.rows(sinusoid, constants.data(), 5, 3, rows.data() + 1);
        EXPECT_EQ(rows.front(), 9.0f);
        EXPECT_EQ(rows.back(), 9.0f);
        EXPECT_THAT(std::span(rows).subspan(1, 3 * d), testing::Each(testing::Le(1.0f)));
      }
    }
  });
}

// One text; a few, more than four and eight, with and without a rest; and rows that need several
// strips of a tile.
const std::vector<BatchShape> kShapes = {{1, 70, 10},   {3, 37, 34}, {9, 37, 64}, {5, 40, 130},
                                         {2, 20, 2200}, {1, 0, 64},  {4, 1, 32}};

TEST_P(Producer, AddsItsRowsToEveryBatchElement) {
  const SinusoidProducer& producer = *GetParam();
  on_every_target([&] {
    for (const Convention convention : kBoth) {
      for (const BatchShape& shape : kShapes) {
        const auto sinusoid = make_sinusoid(convention, shape.hidden);
        const auto constants = producer.constants(sinusoid);
        std::vector<float> rows(shape.length * shape.hidden);
        producer.rows(sinusoid, constants.data(), 4, shape.length, rows.data());
        Guarded<float> x(std::vector<float>(shape.elements(), 0.25f));
        for (const Store store : {Store::kPlain, Store::kNonTemporal}) {
          auto y = hwy::AllocateAligned<float>(x.size() + 1);
          producer.add(sinusoid, constants.data(), 4, Sum<float>(x.data(), y.get(), shape), store);
          for (std::size_t i = 0; i < x.size(); ++i) {
            ASSERT_EQ(y[i], 0.25f + rows[i % rows.size()]) << shape.hidden << " at " << i;
          }
        }
        producer.add(sinusoid, constants.data(), 4, Sum<float>(x.data(), x.data(), shape),
                     Store::kPlain);
        for (std::size_t i = 0; i < x.size(); ++i) {
          ASSERT_EQ(x[i], 0.25f + rows[i % rows.size()]) << shape.hidden << " in place, at " << i;
        }
      }
    }
  });
}

TEST_P(Producer, AddsToBf16InF32AndRoundsOnce) {
  const SinusoidProducer& producer = *GetParam();
  if (producer.add_bf16 == nullptr) return;  // the C library's scalar functions
  on_every_target([&] {
    for (const Convention convention : kBoth) {
      for (const BatchShape& shape : kShapes) {
        const auto sinusoid = make_sinusoid(convention, shape.hidden);
        const auto constants = producer.constants(sinusoid);
        std::vector<float> rows(shape.length * shape.hidden);
        producer.rows(sinusoid, constants.data(), 4, shape.length, rows.data());
        const std::vector<Bf16> x(shape.elements(), to_bf16(0.37f));
        std::vector<Bf16> y(x.size());
        producer.add_bf16(sinusoid, constants.data(), 4, Sum<Bf16>(x.data(), y.data(), shape),
                          Store::kPlain);
        for (std::size_t i = 0; i < x.size(); ++i) {
          ASSERT_EQ(y[i].bits, to_bf16(to_float(x[i]) + rows[i % rows.size()]).bits);
        }
      }
    }
  });
}

TEST_P(Producer, SharesOfThePositionsMakeTheWhole) {
  const SinusoidProducer& producer = *GetParam();
  const BatchShape shape{3, 40, 34};
  const auto sinusoid = make_sinusoid(Convention::kInterleaved, shape.hidden);
  const auto constants = producer.constants(sinusoid);
  const std::vector<float> x(shape.elements(), 0.5f);
  std::vector<float> whole(x.size()), shared(x.size());
  const Sum<float> sum(x.data(), shared.data(), shape);
  producer.add(sinusoid, constants.data(), 0, Sum<float>(x.data(), whole.data(), shape),
               Store::kPlain);
  // Begun where a recurrence starts afresh, a share has the bits of the whole.
  producer.add(sinusoid, constants.data(), 0, sum.positions(0, 16), Store::kPlain);
  producer.add(sinusoid, constants.data(), 16, sum.positions(16, 24), Store::kPlain);
  EXPECT_EQ(shared, whole);
}

INSTANTIATE_TEST_SUITE_P(Every, Producer,
                         testing::ValuesIn(sinusoid_producers().begin(),
                                           sinusoid_producers().end()),
                         [](const auto& which) { return std::string(which.param->name); });

}  // namespace
}  // namespace posbench
