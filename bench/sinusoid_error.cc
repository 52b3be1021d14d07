#include "sinusoid_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "base/error.h"
#include "base/nearest.h"
#include "base/random.h"
#include "exact_sinusoid.h"

namespace posbench {
namespace {

constexpr std::int64_t kPeriod = kRecurrencePeriod;
constexpr std::int64_t kLastPosition = 1'000'000;
constexpr int kSampledRuns = 128;  // of a decade: 2048 rows

struct Judge {
  const SinusoidSource& source;
  RangeError found;
  double sum = 0.0;

  void look_at(double error, std::int64_t t, std::size_t column) {
    // A value that is not a number is not within the tolerance either.
    if (!(error <= source.tolerance(t))) {
      throw std::runtime_error(fmt::format(
          "{} (d = {}, {}) is off by {:.2g} at position {}, column {}; it declares {:.2g}",
          source.name, source.sinusoid.hidden,
          source.sinusoid.convention == Convention::kInterleaved ? "interleaved" : "tensor2tensor",
          error, t, column, source.tolerance(t)));
    }
    sum += error;
    if (error <= found.largest) return;
    found.largest = error;
    found.worst_t = t;
    found.worst_column = column;
  }
};

RangeError error_in(const PositionRange& range, const SinusoidSource& source,
                    const ExactSinusoid& truth) {
  const std::size_t d = source.sinusoid.hidden;
  Judge judge{source,
              {.first = range.first,
               .last = range.last,
               .rows = 0,
               .largest = 0.0,
               .mean = 0.0,
               .worst_t = range.first,
               .worst_column = 0,
               .declared = 0.0}};
  for (const RowRun& run : range.runs) {
    std::vector<float> made(run.rows * d);
    source.rows(run.first, run.rows, made.data());
    const std::vector<double> exact = truth.rows(run.first, run.rows);
    for (std::size_t row = 0; row < run.rows; ++row) {
      const std::int64_t t = run.first + static_cast<std::int64_t>(row);
      judge.found.declared = std::max(judge.found.declared, source.tolerance(t));
      for (std::size_t column = 0; column < d; ++column) {
        const std::size_t i = row * d + column;
        judge.look_at(std::abs(static_cast<double>(made[i]) - exact[i]), t, column);
      }
    }
    judge.found.rows += run.rows;
  }
  judge.found.mean = judge.sum / static_cast<double>(judge.found.rows * d);
  return judge.found;
}

}  // namespace

std::vector<PositionRange> position_ranges(std::uint64_t seed) {
  std::vector<PositionRange> ranges;
  for (const auto& [first, last] :
       {std::pair<std::int64_t, std::int64_t>{0, 127}, {128, 511}, {512, 2047}}) {
    ranges.push_back({first, last, {{first, static_cast<std::size_t>(last - first + 1)}}});
  }
  Random random(seed, "positions of errors");
  for (const auto& [first, last] : {std::pair<std::int64_t, std::int64_t>{2048, 9'999},
                                    {10'000, 99'999},
                                    {100'000, kLastPosition}}) {
    std::vector<RowRun> runs = {{last - kPeriod + 1, kRecurrencePeriod}};
    while (runs.size() < kSampledRuns) {
      const auto starts = static_cast<std::uint64_t>(last - first + 1 - kPeriod);
      runs.push_back({first + static_cast<std::int64_t>(random.below(starts)), kRecurrencePeriod});
    }
    ranges.push_back({first, last, std::move(runs)});
  }
  return ranges;
}

SinusoidSource make_sinusoid_source(const std::string& name, Sinusoid sinusoid) {
  if (name == "table") {
    return {name, sinusoid,
            [sinusoid](std::int64_t first, std::size_t rows, float* out) {
              fill_sinusoid_table(sinusoid, first, rows, out);
            },
            [](std::int64_t) { return kTableTolerance; }};
  }
  std::vector<std::string> known = {"table"};
  for (const SinusoidProducer* producer : sinusoid_producers()) {
    known.emplace_back(producer->name);
    if (producer->name != name) continue;
    const auto constants =
        std::make_shared<const std::vector<float>>(producer->constants(sinusoid));
    return {name, sinusoid,
            [=](std::int64_t first, std::size_t rows, float* out) {
              producer->rows(sinusoid, constants->data(), first, rows, out);
            },
            producer->tolerance};
  }
  throw UserError(unknown_word("sinusoid producer", name, known));
}

std::vector<RangeError> sinusoid_errors(const SinusoidSource& source,
                                        const std::vector<PositionRange>& ranges) {
  const ExactSinusoid truth(source.sinusoid);
  std::vector<RangeError> errors;
  errors.reserve(ranges.size());
  for (const PositionRange& range : ranges) errors.push_back(error_in(range, source, truth));
  return errors;
}

}  // namespace posbench
