#include "kernel/norm.h"

#include <cmath>

#include "kernel/vector_ops_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/norm.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"

#ifndef POSBENCH_NORM_ONCE
#define POSBENCH_NORM_ONCE
namespace posbench {

// What add_norm and its backward read and write, from some row on; a null stays null.
struct NormForward {
  const float *product, *bias, *residual, *gamma, *beta;
  float* y;
  Bf16* y_stored;
  float *normalised, *inverse_deviation;
};
struct NormBackward {
  const float *dy, *gamma, *normalised, *inverse_deviation;
  float* dx;
  Bf16* dx_stored;
  float *dgamma, *dbeta, *dbias;
};

}  // namespace posbench
#endif

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// Rows that are worked on together: their sums do not wait for each other, a gamma is loaded once
// for all, and the gradients of gamma, beta and the bias are loaded and stored once for all. Four
// rows of any hidden size stay in L1 from the first pass over them to the last.
constexpr std::size_t kRowsTogether = 4;

// The mean of a row from its partial sums. The division is a scalar's: a vector's takes several
// times as long, and a product with 1 / count would not find the mean of equal numbers exactly.
HWY_INLINE float MeanOf(V sums, float count) {
  return hn::GetLane(hn::SumOfLanes(D(), sums)) / count;
}

template <std::size_t kRows>
void NormRows(const NormForward a, std::size_t first, std::size_t width) {
  const D d;
  const float count = static_cast<float>(width);
  const std::size_t at = first * width;
  float* y = a.y + at;

  V mean[kRows], scale[kRows];
  for (std::size_t r = 0; r < kRows; ++r) mean[r] = scale[r] = hn::Zero(d);
  for_each_vector(width, [&](std::size_t, auto load, auto store) HWY_ATTR {
    const V bias = a.bias != nullptr ? load(a.bias) : hn::Zero(d);
    for (std::size_t r = 0; r < kRows; ++r) {
      V x = bias;
      if (a.product != nullptr) x = hn::Add(x, load(a.product + at + r * width));
      if (a.residual != nullptr) x = hn::Add(x, load(a.residual + at + r * width));
      mean[r] = hn::Add(mean[r], x);
      store(x, y + r * width);
    }
  });
  for (std::size_t r = 0; r < kRows; ++r) mean[r] = hn::Set(d, MeanOf(mean[r], count));

  for_each_vector(width, [&](std::size_t i, auto load, auto) HWY_ATTR {
    // Lanes beyond the end hold zeros, not the mean: they must not count.
    const auto counts = hn::FirstN(d, width - i);
    for (std::size_t r = 0; r < kRows; ++r) {
      const V centred = hn::IfThenElseZero(counts, hn::Sub(load(y + r * width), mean[r]));
      scale[r] = hn::MulAdd(centred, centred, scale[r]);
    }
  });
  for (std::size_t r = 0; r < kRows; ++r) {
    const float variance = MeanOf(scale[r], count) + static_cast<float>(kNormEpsilon);
    const float inverse = 1.0f / std::sqrt(variance);
    scale[r] = hn::Set(d, inverse);
    if (a.inverse_deviation != nullptr) a.inverse_deviation[first + r] = inverse;
  }

  for_each_vector(width, [&](std::size_t, auto load, auto store) HWY_ATTR {
    const V gamma = load(a.gamma), beta = load(a.beta);
    for (std::size_t r = 0; r < kRows; ++r) {
      const V unit = hn::Mul(hn::Sub(load(y + r * width), mean[r]), scale[r]);
      const V result = hn::MulAdd(unit, gamma, beta);
      if (a.normalised != nullptr) store(unit, a.normalised + at + r * width);
      store(result, y + r * width);
      if (a.y_stored != nullptr) store(result, a.y_stored + at + r * width);
    }
  });
}

template <std::size_t kRows>
void NormRowsBackward(const NormBackward a, std::size_t first, std::size_t width) {
  const D d;
  const float count = static_cast<float>(width);
  const std::size_t at = first * width;
  const float* dy = a.dy + at;
  const float* z = a.normalised + at;

  V mean[kRows], mean_z[kRows], scale[kRows];  // of dL/dz and of dL/dz · z
  for (std::size_t r = 0; r < kRows; ++r) mean[r] = mean_z[r] = hn::Zero(d);
  for_each_vector(width, [&](std::size_t, auto load, auto) HWY_ATTR {
    const V gamma = load(a.gamma);
    for (std::size_t r = 0; r < kRows; ++r) {
      const V inner = hn::Mul(load(dy + r * width), gamma);
      mean[r] = hn::Add(mean[r], inner);
      mean_z[r] = hn::MulAdd(inner, load(z + r * width), mean_z[r]);
    }
  });
  for (std::size_t r = 0; r < kRows; ++r) {
    mean[r] = hn::Set(d, MeanOf(mean[r], count));
    mean_z[r] = hn::Set(d, MeanOf(mean_z[r], count));
    scale[r] = hn::Set(d, a.inverse_deviation[first + r]);
  }

  for_each_vector(width, [&](std::size_t, auto load, auto store) HWY_ATTR {
    const V gamma = load(a.gamma);
    V dgamma = load(a.dgamma), dbeta = load(a.dbeta), dbias = hn::Zero(d);
    for (std::size_t r = 0; r < kRows; ++r) {
      const V slope = load(dy + r * width), unit = load(z + r * width);
      dgamma = hn::MulAdd(slope, unit, dgamma);
      dbeta = hn::Add(dbeta, slope);
      const V inner = hn::MulSub(slope, gamma, mean[r]);
      const V dx = hn::Mul(hn::NegMulAdd(unit, mean_z[r], inner), scale[r]);
      dbias = hn::Add(dbias, dx);
      store(dx, a.dx + at + r * width);
      if (a.dx_stored != nullptr) store(dx, a.dx_stored + at + r * width);
    }
    store(dgamma, a.dgamma);
    store(dbeta, a.dbeta);
    if (a.dbias != nullptr) store(hn::Add(load(a.dbias), dbias), a.dbias);
  });
}

void AddNorm(const NormForward& arrays, std::size_t rows, std::size_t width) {
  std::size_t r = 0;
  for (; r + kRowsTogether <= rows; r += kRowsTogether) NormRows<kRowsTogether>(arrays, r, width);
  for (; r < rows; ++r) NormRows<1>(arrays, r, width);
}

void AddNormBackward(const NormBackward& arrays, std::size_t rows, std::size_t width) {
  std::size_t r = 0;
  for (; r + kRowsTogether <= rows; r += kRowsTogether) {
    NormRowsBackward<kRowsTogether>(arrays, r, width);
  }
  for (; r < rows; ++r) NormRowsBackward<1>(arrays, r, width);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(AddNorm);
void add_norm(const float* product, const float* bias, const float* residual, const float* gamma,
              const float* beta, std::size_t rows, std::size_t d, float* y, Bf16* y_stored,
              float* normalised, float* inverse_deviation) {
  HWY_DYNAMIC_DISPATCH(AddNorm)
  ({product, bias, residual, gamma, beta, y, y_stored, normalised, inverse_deviation}, rows, d);
}
void add_norm(const double* product, const double* bias, const double* residual,
              const double* gamma, const double* beta, std::size_t rows, std::size_t d, double* y,
              Bf16* y_stored, double* normalised, double* inverse_deviation) {
  scalar::add_norm(product, bias, residual, gamma, beta, rows, d, y, y_stored, normalised,
                   inverse_deviation);
}

HWY_EXPORT(AddNormBackward);
void add_norm_backward(const float* dy, const float* gamma, const float* normalised,
                       const float* inverse_deviation, std::size_t rows, std::size_t d, float* dx,
                       Bf16* dx_stored, float* dgamma, float* dbeta, float* dbias) {
  HWY_DYNAMIC_DISPATCH(AddNormBackward)
  ({dy, gamma, normalised, inverse_deviation, dx, dx_stored, dgamma, dbeta, dbias}, rows, d);
}
void add_norm_backward(const double* dy, const double* gamma, const double* normalised,
                       const double* inverse_deviation, std::size_t rows, std::size_t d, double* dx,
                       Bf16* dx_stored, double* dgamma, double* dbeta, double* dbias) {
  scalar::add_norm_backward(dy, gamma, normalised, inverse_deviation, rows, d, dx, dx_stored,
                            dgamma, dbeta, dbias);
}

}  // namespace posbench
#endif  // HWY_ONCE
