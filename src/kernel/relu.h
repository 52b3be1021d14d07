// The rectifier of the first Transformer (Vaswani 2017, equation 2): max(0, x).
#pragma once

#include <cstddef>

#include "kernel/sum.h"

namespace posbench {

/// y = max(0, x + bias); x and y are (rows, n), bias is (n); y may be x. A NaN stays one.
void bias_relu(const float* x, const float* bias, std::size_t rows, std::size_t n, float* y);
void bias_relu(const Bf16* x, const float* bias, std::size_t rows, std::size_t n, Bf16* y);
void bias_relu(const double* x, const double* bias, std::size_t rows, std::size_t n, double* y);

/// dy (rows, n) becomes 0 where y is; dbias (n) += the column sums of the new dy.
void relu_backward(const float* y, std::size_t rows, std::size_t n, float* dy, float* dbias);
void relu_backward(const Bf16* y, std::size_t rows, std::size_t n, Bf16* dy, float* dbias);
void relu_backward(const double* y, std::size_t rows, std::size_t n, double* dy, double* dbias);

}  // namespace posbench
