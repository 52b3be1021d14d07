// How far a way to make the sinusoid is from the truth, by range of positions up to a million.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernel/sinusoid.h"

namespace posbench {

/// Consecutive rows that are made in one call.
struct RowRun {
  std::int64_t first;
  std::size_t rows;
};

/// The positions first … last, and the runs in it that are looked at.
struct PositionRange {
  std::int64_t first, last;
  std::vector<RowRun> runs;
};

/// Every position below 2048, each range in one call as a model makes them; and in each decade from
/// there to 10^6 a sample of runs of kRecurrencePeriod rows, so that a recurrence is also seen in
/// its last row before a fresh start. The seed draws the sample; the last rows of all belong to
/// every one.
std::vector<PositionRange> position_ranges(std::uint64_t seed);

/// A way to make rows: the table, or one of sinusoid_producers().
struct SinusoidSource {
  std::string name;
  Sinusoid sinusoid;
  /// Writes rows first … first + rows − 1 to out (rows, d).
  std::function<void(std::int64_t first, std::size_t rows, float* out)> rows;
  /// The largest absolute error that it allows itself at position t.
  std::function<double(std::int64_t t)> tolerance;
};

/// `name`: "table" or a producer's. Throws UserError for an unknown one, naming the nearest.
SinusoidSource make_sinusoid_source(const std::string& name, Sinusoid sinusoid);

struct RangeError {
  std::int64_t first, last;  ///< positions
  std::size_t rows;          ///< of those, how many were looked at
  double largest, mean;      ///< absolute error, over rows and columns
  std::int64_t worst_t;      ///< where the largest is
  std::size_t worst_column;
  double declared;  ///< the largest tolerance of the source at these positions
};

/// Compares the source with 50-digit arithmetic. Throws std::runtime_error naming source, position
/// and column where an error exceeds the source's own tolerance there, or is not a number.
std::vector<RangeError> sinusoid_errors(const SinusoidSource& source,
                                        const std::vector<PositionRange>& ranges);

}  // namespace posbench
