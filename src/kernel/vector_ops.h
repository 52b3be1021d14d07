// Row-wise operations of an encoder, f32 by Highway with run-time dispatch, f64 by the scalar
// reference (kernel/vector_ops_scalar.h), which is also what the f32 versions are tested against.
//
// Reductions run in a fixed order for a given vector width, so a result is the same bits on every
// run of one instruction set; two instruction sets differ in the last places. Traffic is one read
// and one write of each operand, 8 to 16 bytes an element: all of these are bound by memory or by
// exp, never by multiplication.
#pragma once

#include <cstddef>

#include "kernel/adamw.h"
#include "kernel/cross_entropy.h"
#include "kernel/dropout.h"
#include "kernel/gelu.h"
#include "kernel/norm.h"
#include "kernel/sum.h"

namespace posbench {

/// y (n) += x (n).
void add_to(float* y, const float* x, std::size_t n);
void add_to(double* y, const double* x, std::size_t n);

/// Each row of x (rows, d) += bias (d).
void add_bias(float* x, const float* bias, std::size_t rows, std::size_t d);
void add_bias(double* x, const double* bias, std::size_t rows, std::size_t d);

/// sums (d) += the column sums of x (rows, d): the gradient of a bias.
void add_column_sums(float* sums, const float* x, std::size_t rows, std::size_t d);
void add_column_sums(double* sums, const double* x, std::size_t rows, std::size_t d);

/// y = gamma · (x − mean) / sqrt(variance + 1e-12) + beta by row of x (rows, d). Keeps what
/// backward needs: the normalised rows (rows, d) and 1/sqrt(variance + 1e-12) (rows). 1e-12 is
/// BERT's epsilon. y may be x.
void layer_norm(const float* x, const float* gamma, const float* beta, std::size_t rows,
                std::size_t d, float* y, float* normalised, float* inverse_deviation);
void layer_norm(const double* x, const double* gamma, const double* beta, std::size_t rows,
                std::size_t d, double* y, double* normalised, double* inverse_deviation);

/// dx from dy (rows, d); dgamma, dbeta (d) are added to. dx may be dy.
void layer_norm_backward(const float* dy, const float* gamma, const float* normalised,
                         const float* inverse_deviation, std::size_t rows, std::size_t d, float* dx,
                         float* dgamma, float* dbeta);
void layer_norm_backward(const double* dy, const double* gamma, const double* normalised,
                         const double* inverse_deviation, std::size_t rows, std::size_t d,
                         double* dx, double* dgamma, double* dbeta);

/// y = x · Φ(x), the exact GELU of BERT. f32: erf by Abramowitz and Stegun 7.1.26 (1.5e-7), with
/// rounding an absolute error of Φ below 3.5e-7.
void gelu(const float* x, std::size_t n, float* y);
void gelu(const double* x, std::size_t n, double* y);

/// dy (n) *= Φ(x) + x · φ(x).
void gelu_backward(const float* x, std::size_t n, float* dy);
void gelu_backward(const double* x, std::size_t n, double* dy);

/// Softmax of scale · x by row, in place, x (rows, n). A row with a NaN becomes NaN.
void softmax(float* x, std::size_t rows, std::size_t n, float scale);
void softmax(double* x, std::size_t rows, std::size_t n, double scale);

/// Turns dp = dL/dp into dL/dx of p = softmax(scale · x), in place; p and dp (rows, n).
void softmax_backward(const float* p, float* dp, std::size_t rows, std::size_t n, float scale);
void softmax_backward(const double* p, double* dp, std::size_t rows, std::size_t n, double scale);

/// y (n) = x (n), rounded to nearest, ties to even; a NaN stays one.
void round_to_bf16(const float* x, std::size_t n, Bf16* y);

}  // namespace posbench
