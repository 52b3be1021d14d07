// Layer normalisation (Ba, Kiros, Hinton 2016) of the sum that stands before it in an encoder.
#pragma once

#include <cstddef>

#include "kernel/sum.h"

namespace posbench {

/// Added to the variance, as BERT does.
inline constexpr double kNormEpsilon = 1e-12;

/// y = γ · z + β, z = (x − mean) / √(variance + 1e-12) by row of x = product + bias + residual.
/// product, residual, y, y_stored and normalised are (rows, d); bias, gamma and beta are (d). Of
/// the terms of x, bias and one of product and residual may be null. y_stored gets y in bf16;
/// normalised (z) and inverse_deviation (rows) are what backward needs; each may be null. y and
/// normalised may each be product or residual.
void add_norm(const float* product, const float* bias, const float* residual, const float* gamma,
              const float* beta, std::size_t rows, std::size_t d, float* y, Bf16* y_stored,
              float* normalised, float* inverse_deviation);
void add_norm(const double* product, const double* bias, const double* residual,
              const double* gamma, const double* beta, std::size_t rows, std::size_t d, double* y,
              Bf16* y_stored, double* normalised, double* inverse_deviation);

/// dx (rows, d), the gradient of every term of x, from dy (rows, d); it may be dy or normalised.
/// dgamma, dbeta and dbias (d) are added to; dbias, the column sums of dx, may be null. dx_stored
/// gets dx in bf16 unless null.
void add_norm_backward(const float* dy, const float* gamma, const float* normalised,
                       const float* inverse_deviation, std::size_t rows, std::size_t d, float* dx,
                       Bf16* dx_stored, float* dgamma, float* dbeta, float* dbias);
void add_norm_backward(const double* dy, const double* gamma, const double* normalised,
                       const double* inverse_deviation, std::size_t rows, std::size_t d, double* dx,
                       Bf16* dx_stored, double* dgamma, double* dbeta, double* dbias);

}  // namespace posbench
