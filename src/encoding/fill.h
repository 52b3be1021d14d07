// What stands in the rows of a learned table that training never reached.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace posbench {

/// Ways to fill them: `random` leaves what initialization drew; `clamp` repeats the last trained
/// row; `tile` begins again with the first (Longformer's copy, Beltagy 2020, §5); `interpolate`
/// spreads the trained rows over the whole table, first on first and last on last.
const std::vector<std::string>& fills();

/// Throws UserError for an unknown way, naming the nearest one.
void require_fill(const std::string& fill);

/// Fills a table (rows, d) of which the first `trained` rows are trained; nothing where trained is
/// 0 or at least rows. Throws as require_fill.
template <class Real>
void fill_rows(const std::string& fill, std::size_t trained, std::size_t rows, std::size_t d,
               Real* table);

}  // namespace posbench
