// The scalar reference of kernel/vector_ops.h: the formulae, written plainly, for any real type.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "kernel/vector_ops.h"

namespace posbench::scalar {

template <class Real>
void add_to(Real* y, const Real* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) y[i] += x[i];
}

template <class Real>
void add_bias(Real* x, const Real* bias, std::size_t rows, std::size_t d) {
  for (std::size_t r = 0; r < rows; ++r) add_to(x + r * d, bias, d);
}

template <class Real>
void add_column_sums(Real* sums, const Real* x, std::size_t rows, std::size_t d) {
  for (std::size_t r = 0; r < rows; ++r) add_to(sums, x + r * d, d);
}

template <class Real>
void layer_norm(const Real* x, const Real* gamma, const Real* beta, std::size_t rows, std::size_t d,
                Real* y, Real* normalised, Real* inverse_deviation) {
  const Real count = static_cast<Real>(d);
  for (std::size_t r = 0; r < rows; ++r) {
    const Real* row = x + r * d;
    Real mean = 0, variance = 0;
    for (std::size_t i = 0; i < d; ++i) mean += row[i] / count;
    for (std::size_t i = 0; i < d; ++i) variance += (row[i] - mean) * (row[i] - mean) / count;
    inverse_deviation[r] = 1 / std::sqrt(variance + static_cast<Real>(1e-12));
    for (std::size_t i = 0; i < d; ++i) {
      normalised[r * d + i] = (row[i] - mean) * inverse_deviation[r];
      y[r * d + i] = normalised[r * d + i] * gamma[i] + beta[i];
    }
  }
}

template <class Real>
void layer_norm_backward(const Real* dy, const Real* gamma, const Real* normalised,
                         const Real* inverse_deviation, std::size_t rows, std::size_t d, Real* dx,
                         Real* dgamma, Real* dbeta) {
  const Real count = static_cast<Real>(d);
  for (std::size_t r = 0; r < rows; ++r) {
    const Real* g = dy + r * d;
    const Real* z = normalised + r * d;
    Real mean = 0, mean_z = 0;  // of dL/dz and of dL/dz · z
    for (std::size_t i = 0; i < d; ++i) {
      mean += g[i] * gamma[i] / count;
      mean_z += g[i] * gamma[i] * z[i] / count;
    }
    for (std::size_t i = 0; i < d; ++i) {
      const Real slope = g[i];
      dgamma[i] += slope * z[i];
      dbeta[i] += slope;
      dx[r * d + i] = (slope * gamma[i] - mean - z[i] * mean_z) * inverse_deviation[r];
    }
  }
}

template <class Real>
Real normal_cdf(Real x) {
  return (1 + std::erf(x / std::numbers::sqrt2_v<Real>)) / 2;
}

template <class Real>
void gelu(const Real* x, std::size_t n, Real* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = x[i] * normal_cdf(x[i]);
}

template <class Real>
void gelu_backward(const Real* x, std::size_t n, Real* dy) {
  const Real density_at_0 = std::numbers::inv_sqrtpi_v<Real> / std::numbers::sqrt2_v<Real>;
  for (std::size_t i = 0; i < n; ++i) {
    dy[i] *= normal_cdf(x[i]) + x[i] * density_at_0 * std::exp(-x[i] * x[i] / 2);
  }
}

template <class Real>
void softmax(Real* x, std::size_t rows, std::size_t n, Real scale) {
  for (std::size_t r = 0; r < rows; ++r) {
    Real* row = x + r * n;
    const Real top = *std::max_element(row, row + n);
    Real sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += row[i] = std::exp(scale * (row[i] - top));
    for (std::size_t i = 0; i < n; ++i) row[i] /= sum;
  }
}

template <class Real>
void softmax_backward(const Real* p, Real* dp, std::size_t rows, std::size_t n, Real scale) {
  for (std::size_t r = 0; r < rows; ++r) {
    Real dot = 0;
    for (std::size_t i = r * n; i < (r + 1) * n; ++i) dot += p[i] * dp[i];
    for (std::size_t i = r * n; i < (r + 1) * n; ++i) dp[i] = scale * p[i] * (dp[i] - dot);
  }
}

template <class Real>
double sum_of_squares(const Real* x, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

template <class Real>
void adamw(const AdamwStep& step, const Real* gradient, std::size_t n, Real* value, Real* m,
           Real* v) {
  for (std::size_t i = 0; i < n; ++i) {
    const double g = static_cast<double>(gradient[i]) * step.gradient_scale;
    const double mean = AdamwStep::kBeta1 * static_cast<double>(m[i]) + (1 - AdamwStep::kBeta1) * g;
    const double square =
        AdamwStep::kBeta2 * static_cast<double>(v[i]) + (1 - AdamwStep::kBeta2) * g * g;
    const double direction =
        mean / step.correction1 / (std::sqrt(square / step.correction2) + AdamwStep::kEpsilon);
    const double old = static_cast<double>(value[i]);
    m[i] = static_cast<Real>(mean);
    v[i] = static_cast<Real>(square);
    value[i] = static_cast<Real>(old - step.learning_rate * (direction + step.weight_decay * old));
  }
}

}  // namespace posbench::scalar
