// The lookup as plain loops: the reference of the f32 kernels and the f64 path of gradient checks.
#pragma once

#include "kernel/lookup.h"

namespace posbench::scalar {

template <class Real>
void add_rows(const Real* x, const Real* rows, BatchShape shape, Real* y) {
  const std::size_t n = shape.length * shape.hidden;
  for (std::size_t b = 0; b < shape.batch; ++b) {
    for (std::size_t i = 0; i < n; ++i) y[b * n + i] = x[b * n + i] + rows[i];
  }
}

template <class Real>
void add_gather(const Real* x, const Table<Real>& table, std::span<const std::int32_t> ids,
                Real* y) {
  const std::size_t d = table.hidden;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    const Real* row = table.values + static_cast<std::size_t>(ids[t] - table.first) * d;
    for (std::size_t i = 0; i < d; ++i) y[t * d + i] = x[t * d + i] + row[i];
  }
}

template <class Real>
void scatter_add(const Real* dx, std::span<const std::int32_t> ids, std::size_t hidden,
                 Real* gradients) {
  for (std::size_t t = 0; t < ids.size(); ++t) {
    Real* row = gradients + static_cast<std::size_t>(ids[t]) * hidden;
    for (std::size_t i = 0; i < hidden; ++i) row[i] += dx[t * hidden + i];
  }
}

}  // namespace posbench::scalar
