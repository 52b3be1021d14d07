// Which convention does somebody's own table follow?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conformance/npy.h"

namespace posbench {

/// A table beside a convention.
struct Match {
  std::string convention;
  /// Row r of the table is position r + shift; below 0 the first rows, as many, are no positions.
  long shift = 0;
  double scale = 1.0;  ///< the table is the convention's, times this
  double error = 0.0;  ///< largest absolute difference
  /// Where the difference first exceeds what rounding explains; none: it nowhere does.
  std::optional<std::size_t> row;
  std::size_t column = 0;
};

/// What check_table knows: sinusoid, rope, alibi, t5_bias.
std::vector<std::string> checked_encodings();

/// Compares a table with every convention of `encoding`:
///   sinusoid  (L, d)
///   rope      (L, 2 · rotated), cosines then sines, the angle of a plane in both of its columns
///   alibi     (H) or (H, 1), slopes
///   t5_bias   (L, L), buckets by query and key
/// first as it stands, then shifted by 1 or 2 rows and scaled by a constant. Returns the matches
/// that need the fewest of these, or the nearest convention alone, which has a `row`. `hidden` is d
/// of a sinusoid, or the size of the head that rope turns; 0: all columns. Throws UserError for an
/// unknown encoding and for a table of a shape that it cannot have.
std::vector<Match> check_table(const NpyTable& table, const std::string& encoding,
                               std::size_t hidden);

}  // namespace posbench
