#include "encoding/fill.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {

// Rows are read from a copy, as those of the table change.
template <class Real>
void interpolate(std::size_t trained, std::size_t rows, std::size_t d, Real* table) {
  const std::vector<Real> from(table, table + trained * d);
  for (std::size_t row = 0; row < rows; ++row) {
    const double place =
        static_cast<double>(row) * static_cast<double>(trained - 1) / static_cast<double>(rows - 1);
    const std::size_t below = std::min(static_cast<std::size_t>(place), trained - 1);
    const std::size_t above = std::min(below + 1, trained - 1);
    const Real share = static_cast<Real>(place - static_cast<double>(below));
    for (std::size_t i = 0; i < d; ++i) {
      table[row * d + i] = (1 - share) * from[below * d + i] + share * from[above * d + i];
    }
  }
}

}  // namespace

const std::vector<std::string>& fills() {
  static const std::vector<std::string> names = {"random", "clamp", "tile", "interpolate"};
  return names;
}

void require_fill(const std::string& fill) {
  if (std::ranges::find(fills(), fill) == fills().end()) {
    throw UserError(unknown_word("fill of untrained rows", fill, fills()));
  }
}

template <class Real>
void fill_rows(const std::string& fill, std::size_t trained, std::size_t rows, std::size_t d,
               Real* table) {
  require_fill(fill);
  if (trained == 0 || trained >= rows || fill == "random") return;
  if (fill == "interpolate") return interpolate(trained, rows, d, table);
  for (std::size_t row = trained; row < rows; ++row) {
    const std::size_t from = fill == "tile" ? row % trained : trained - 1;
    std::copy_n(table + from * d, d, table + row * d);
  }
}
template void fill_rows(const std::string&, std::size_t, std::size_t, std::size_t, float*);
template void fill_rows(const std::string&, std::size_t, std::size_t, std::size_t, double*);

}  // namespace posbench
