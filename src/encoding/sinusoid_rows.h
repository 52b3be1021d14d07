// Rows of a sinusoid at the scale that an encoding enters with.
#pragma once

#include <numbers>
#include <vector>

#include "encoding/encoding.h"
#include "kernel/sinusoid.h"

namespace posbench {

inline Sinusoid sinusoid_of(const EncodingOptions& options) {
  return make_sinusoid(convention_from_name(options.convention),
                       static_cast<std::size_t>(options.hidden));
}

/// Every row of a sinusoid has the root mean square √½, for sin² + cos² = 1 in each pair.
inline double sinusoid_scale(const EncodingOptions& options) {
  return options.position_rms > 0.0 ? options.position_rms * std::numbers::sqrt2 : 1.0;
}

/// Rows 0 … max_length − 1 (max_length, d), scaled in f64 and rounded once.
template <class Real>
void fill_scaled_table(const EncodingOptions& options, Real* table) {
  const Sinusoid sinusoid = sinusoid_of(options);
  const double scale = sinusoid_scale(options);
  std::vector<double> row(sinusoid.hidden);
  for (int t = 0; t < options.max_length; ++t) {
    fill_sinusoid_table(sinusoid, t, 1, row.data());
    for (const double value : row) *table++ = static_cast<Real>(scale * value);
  }
}

}  // namespace posbench
