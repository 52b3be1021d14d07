// GELU as BERT has it (Hendrycks and Gimpel 2016): x · Φ(x) with the exact normal distribution Φ.
#pragma once

#include <cstddef>

#include "kernel/sum.h"

namespace posbench {

/// y = v · Φ(v) and slope = Φ(v) + v · φ(v) of v = x + bias; x, y and slope are (rows, n), bias is
/// (n). slope, all that backward needs, may be null; it may be x, and so may y.
void bias_gelu(const float* x, const float* bias, std::size_t rows, std::size_t n, float* y,
               float* slope);
void bias_gelu(const Bf16* x, const float* bias, std::size_t rows, std::size_t n, Bf16* y,
               Bf16* slope);
void bias_gelu(const double* x, const double* bias, std::size_t rows, std::size_t n, double* y,
               double* slope);

/// dy (rows, n) *= slope; dbias (n) += the column sums of the new dy, before it is rounded to bf16.
void gelu_backward(const float* slope, std::size_t rows, std::size_t n, float* dy, float* dbias);
void gelu_backward(const Bf16* slope, std::size_t rows, std::size_t n, Bf16* dy, float* dbias);
void gelu_backward(const double* slope, std::size_t rows, std::size_t n, double* dy, double* dbias);

}  // namespace posbench
