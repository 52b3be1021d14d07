#include "sinusoid_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>

#include "base/error.h"
#include "base/files.h"
#include "every_target.h"
#include "exact_sinusoid.h"
#include "study/study.h"

namespace posbench {
namespace {

constexpr Convention kBoth[] = {Convention::kInterleaved, Convention::kTensor2tensor};
constexpr std::int64_t kMillion = 1'000'000;

// sin(10^6 · 10000^(−2i/8)) and its cosine, i = 0 … 3, with bc at 60 digits.
TEST(ExactSinusoid, GoldenValuesAtAMillion) {
  const std::vector<double> golden = {
      -0.34999350217129295, 0.93675212753314478,  0.03574879797201651, -0.99936080743821245,
      -0.30561438888825214, -0.95215536825901485, 0.82687954053200256, 0.56237907629070299};
  const ExactSinusoid exact(make_sinusoid(Convention::kInterleaved, 8));
  EXPECT_THAT(exact.rows(kMillion, 1), testing::Pointwise(testing::DoubleNear(1.2e-16), golden));
}

// Rows turned one from the other, and rows begun anew, are the same to the last bit of f64.
TEST(ExactSinusoid, TurnsLoseNothing) {
  for (const Convention convention : kBoth) {
    const ExactSinusoid exact(make_sinusoid(convention, 10));
    const std::vector<double> turned = exact.rows(998'000, 2001);
    const std::vector<double> begun = exact.rows(kMillion, 1);
    EXPECT_TRUE(std::equal(begun.begin(), begun.end(), turned.end() - 10));
  }
}

TEST(ExactSinusoid, StartsWithSinesZeroAndCosinesOne) {
  EXPECT_THAT(ExactSinusoid(make_sinusoid(Convention::kInterleaved, 6)).rows(0, 1),
              testing::ElementsAre(0, 1, 0, 1, 0, 1));
  EXPECT_THAT(ExactSinusoid(make_sinusoid(Convention::kTensor2tensor, 6)).rows(0, 1),
              testing::ElementsAre(0, 0, 0, 1, 1, 1));
  EXPECT_THAT(ExactSinusoid(make_sinusoid(Convention::kTensor2tensor, 2)).rows(0, 1),
              testing::ElementsAre(0, 1));
}

// What the kernels are tested against everywhere else is itself right to 1e-12.
TEST(SinusoidReference, AgreesWithFiftyDigitsUpToAMillion) {
  for (const Convention convention : kBoth) {
    for (const std::size_t d : {2, 64, 768}) {
      const auto sinusoid = make_sinusoid(convention, d);
      const ExactSinusoid exact(sinusoid);
      for (const std::int64_t t :
           {std::int64_t{0}, std::int64_t{1}, std::int64_t{2047}, std::int64_t{99'991},
            std::int64_t{524'287}, kMillion - 1, kMillion}) {
        EXPECT_THAT(sinusoid_reference(sinusoid, t),
                    testing::Pointwise(testing::DoubleNear(1e-12), exact.rows(t, 1)))
            << "d " << d << " t " << t;
      }
    }
  }
}

TEST(PositionRanges, HoldEveryPositionBelow2048AndTheLastRunsOfEachDecade) {
  const std::vector<PositionRange> ranges = position_ranges(3);
  std::set<std::int64_t> seen;
  std::int64_t next = 0;
  for (const PositionRange& range : ranges) {
    EXPECT_EQ(range.first, next);
    next = range.last + 1;
    for (const RowRun& run : range.runs) {
      EXPECT_GE(run.first, range.first);
      EXPECT_LE(run.first + static_cast<std::int64_t>(run.rows), next);
      for (std::size_t row = 0; row < run.rows; ++row) {
        seen.insert(run.first + static_cast<std::int64_t>(row));
      }
    }
    EXPECT_TRUE(seen.contains(range.last));
  }
  EXPECT_EQ(next, kMillion + 1);
  EXPECT_EQ(std::distance(seen.begin(), seen.lower_bound(2048)), 2048);
  // A recurrence is at its worst in row kRecurrencePeriod − 1 of a run.
  for (const RowRun& run : ranges.back().runs) EXPECT_EQ(run.rows, kRecurrencePeriod);
}

TEST(PositionRanges, TheSeedDrawsTheSample) {
  const auto starts = [](std::uint64_t seed) {
    const std::vector<PositionRange> ranges = position_ranges(seed);
    std::vector<std::int64_t> found;
    for (const RowRun& run : ranges.back().runs) found.push_back(run.first);
    return found;
  };
  EXPECT_EQ(starts(0), starts(0));
  EXPECT_NE(starts(0), starts(1));
}

class Source : public testing::TestWithParam<std::string> {};

// Where, at d = 768, the rounding of t · ω and the low part of ω add up: what a polynomial in what
// is left of the angle must still serve.
const PositionRange kHardest = {
    930'000, kMillion, {{932'836, 16}, {998'331, 16}, {kMillion - 15, 16}}};

// What encoding_error states, on every instruction set: nothing leaves its tolerance.
TEST_P(Source, StaysWithinItsDeclaredToleranceOfFiftyDigits) {
  on_every_target([] {
    for (const Convention convention : kBoth) {
      for (const std::size_t d : {34, 768}) {
        const auto source = make_sinusoid_source(GetParam(), make_sinusoid(convention, d));
        const auto ranges = d == 34 ? position_ranges(0) : std::vector<PositionRange>{kHardest};
        for (const RangeError& error : sinusoid_errors(source, ranges)) {
          EXPECT_GT(error.largest, 0.0);
          EXPECT_LE(error.largest, error.declared);
          EXPECT_LT(error.mean, error.largest);
          EXPECT_GE(error.worst_t, error.first);
          EXPECT_LE(error.worst_t, error.last);
          EXPECT_LT(error.worst_column, d);
        }
      }
    }
  });
}

std::vector<std::string> sources() {
  std::vector<std::string> names = {"table"};
  for (const auto* producer : sinusoid_producers()) names.emplace_back(producer->name);
  return names;
}

TEST(ErrorStudy, AsksForEverySource) {
  const Study study =
      read_study(home_folder() / "bench/studies/encoding_error.toml", "standard", 0);
  std::set<std::string> asked;
  for (const PlannedTrial& trial : study.trials) asked.insert(trial.spec.at("producer"));
  const std::vector<std::string> known = sources();
  EXPECT_EQ(asked, std::set(known.begin(), known.end()));
}

INSTANTIATE_TEST_SUITE_P(Every, Source, testing::ValuesIn(sources()),
                         [](const auto& which) { return which.param; });

// A source that is right but for one value.
SinusoidSource wrong_at(std::int64_t t, std::size_t column, float by, double tolerance) {
  const auto sinusoid = make_sinusoid(Convention::kInterleaved, 8);
  return {"wrong", sinusoid,
          [=](std::int64_t first, std::size_t rows, float* out) {
            fill_sinusoid_table(sinusoid, first, rows, out);
            const auto row = static_cast<std::size_t>(t - first);
            if (t >= first && row < rows) out[row * 8 + column] += by;
          },
          [=](std::int64_t) { return tolerance; }};
}

TEST(SinusoidErrors, FindTheWorstValueWhereItIs) {
  const auto errors = sinusoid_errors(wrong_at(1234, 5, 0.25f, 1.0), position_ranges(0));
  const RangeError& error = errors[2];
  EXPECT_EQ(error.first, 512);
  EXPECT_EQ(error.rows, 1536u);
  EXPECT_EQ(error.worst_t, 1234);
  EXPECT_EQ(error.worst_column, 5u);
  EXPECT_NEAR(error.largest, 0.25, 1e-7);
  EXPECT_NEAR(error.mean, 0.25 / (1536 * 8), 3e-8);
  EXPECT_EQ(error.declared, 1.0);
  EXPECT_LT(errors[1].largest, 1e-7);
}

TEST(SinusoidErrors, MoreThanDeclaredOrNoNumberIsRefusedByPlace) {
  const auto expect_refused = [](float by) {
    EXPECT_THAT([by] { sinusoid_errors(wrong_at(kMillion, 2, by, 1e-3), position_ranges(0)); },
                testing::ThrowsMessage<std::runtime_error>(testing::AllOf(
                    testing::HasSubstr("wrong (d = 8, interleaved) is off by "),
                    testing::HasSubstr("at position 1000000, column 2; it declares 0.001"))));
  };
  expect_refused(0.01f);
  expect_refused(std::numeric_limits<float>::quiet_NaN());
}

TEST(SinusoidErrors, AnUnknownSourceIsAnsweredWithTheNearest) {
  EXPECT_THAT([] { make_sinusoid_source("tabel", make_sinusoid(Convention::kInterleaved, 8)); },
              testing::ThrowsMessage<UserError>(testing::HasSubstr("did you mean 'table'?")));
}

}  // namespace
}  // namespace posbench
