// The scalar reference of kernel/vector_ops.h: the formulae, written plainly, for any real type.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "kernel/dropout_hash.h"
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
void add_norm(const Real* product, const Real* bias, const Real* residual, const Real* gamma,
              const Real* beta, std::size_t rows, std::size_t d, Real* y, Bf16* y_stored,
              Real* normalised, Real* inverse_deviation) {
  const Real count = static_cast<Real>(d);
  std::vector<Real> x(d);
  for (std::size_t r = 0; r < rows; ++r) {
    Real mean = 0, variance = 0;
    for (std::size_t i = 0; i < d; ++i) {
      x[i] = product != nullptr ? product[r * d + i] : 0;
      if (bias != nullptr) x[i] += bias[i];
      if (residual != nullptr) x[i] += residual[r * d + i];
      mean += x[i] / count;
    }
    for (const Real value : x) variance += (value - mean) * (value - mean) / count;
    const Real inverse = 1 / std::sqrt(variance + static_cast<Real>(kNormEpsilon));
    if (inverse_deviation != nullptr) inverse_deviation[r] = inverse;
    for (std::size_t i = 0; i < d; ++i) {
      const Real z = (x[i] - mean) * inverse;
      const Real result = z * gamma[i] + beta[i];
      y[r * d + i] = result;
      if (normalised != nullptr) normalised[r * d + i] = z;
      if (y_stored != nullptr) y_stored[r * d + i] = to_bf16(static_cast<float>(result));
    }
  }
}

template <class Real>
void add_norm_backward(const Real* dy, const Real* gamma, const Real* normalised,
                       const Real* inverse_deviation, std::size_t rows, std::size_t d, Real* dx,
                       Bf16* dx_stored, Real* dgamma, Real* dbeta, Real* dbias) {
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
      const Real result = (slope * gamma[i] - mean - z[i] * mean_z) * inverse_deviation[r];
      dx[r * d + i] = result;
      if (dbias != nullptr) dbias[i] += result;
      if (dx_stored != nullptr) dx_stored[r * d + i] = to_bf16(static_cast<float>(result));
    }
  }
}

template <class Real>
void bias_gelu(const Real* x, const Real* bias, std::size_t rows, std::size_t n, Real* y,
               Real* slope) {
  const Real sqrt2 = std::numbers::sqrt2_v<Real>;
  const Real density_at_0 = std::numbers::inv_sqrtpi_v<Real> / sqrt2;
  for (std::size_t i = 0; i < rows * n; ++i) {
    const Real v = x[i] + bias[i % n];
    const Real cdf = std::erfc(-v / sqrt2) / 2;
    if (slope != nullptr) slope[i] = cdf + v * density_at_0 * std::exp(-v * v / 2);
    y[i] = v * cdf;
  }
}

template <class Real>
void gelu_backward(const Real* slope, std::size_t rows, std::size_t n, Real* dy, Real* dbias) {
  for (std::size_t i = 0; i < rows * n; ++i) {
    dy[i] *= slope[i];
    dbias[i % n] += dy[i];
  }
}

template <class Real>
void bias_relu(const Real* x, const Real* bias, std::size_t rows, std::size_t n, Real* y) {
  for (std::size_t i = 0; i < rows * n; ++i) {
    const Real v = x[i] + bias[i % n];
    y[i] = v < 0 ? 0 : v;
  }
}

template <class Real>
void relu_backward(const Real* y, std::size_t rows, std::size_t n, Real* dy, Real* dbias) {
  for (std::size_t i = 0; i < rows * n; ++i) {
    if (y[i] <= 0) dy[i] = 0;
    dbias[i % n] += dy[i];
  }
}

template <class Real>
void cross_entropy(const Real* logits, const std::int32_t* labels, std::size_t rows,
                   std::size_t classes, Real* row_losses, Real scale, Real* dlogits, Real* dbias) {
  for (std::size_t r = 0; r < rows; ++r) {
    const Real* row = logits + r * classes;
    const std::size_t label = static_cast<std::size_t>(labels[r]);
    const Real top = *std::max_element(row, row + classes);
    Real sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += std::exp(row[c] - top);
    row_losses[r] = std::log(sum) - (row[label] - top);
    if (dlogits == nullptr) continue;
    for (std::size_t c = 0; c < classes; ++c) {
      const Real slope = scale * (std::exp(row[c] - top) / sum - (c == label ? 1 : 0));
      dlogits[r * classes + c] = slope;
      if (dbias != nullptr) dbias[c] += slope;
    }
  }
}

template <class Real>
void dropout(Real* x, std::size_t n, Real p, std::uint64_t stream, std::uint64_t first) {
  const std::uint32_t threshold = dropout_threshold(static_cast<double>(p));
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t element = first + i;
    const std::uint32_t hash =
        dropout_hash(dropout_key(stream, element >> 32), static_cast<std::uint32_t>(element));
    x[i] = hash < threshold ? 0 : x[i] / (1 - p);
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
           Real* v, Bf16* rounded) {
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
    if (rounded != nullptr) rounded[i] = to_bf16(static_cast<float>(value[i]));
  }
}

}  // namespace posbench::scalar
