// Row-wise operations of an encoder: additions, and those with a header of their own. f32 by
// Highway with run-time dispatch, f64 by the scalar reference (kernel/vector_ops_scalar.h), which
// is also what the f32 versions are tested against. Where matrix products read bf16, so do these;
// all arithmetic and all sums are in f32.
//
// Reductions run in a fixed order for a given vector width, so a result is the same bits on every
// run of one instruction set; two instruction sets differ in the last places. Most are bound by the
// 8 to 16 bytes an element that they move; GELU and cross-entropy are bound by exp.
#pragma once

#include <cstddef>

#include "kernel/adamw.h"
#include "kernel/cross_entropy.h"
#include "kernel/dropout.h"
#include "kernel/gelu.h"
#include "kernel/norm.h"
#include "kernel/relu.h"
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

/// y (n) = x (n), rounded to nearest, ties to even; a NaN stays one. Some CPUs take numbers below
/// 2^-126 for 0.
void round_to_bf16(const float* x, std::size_t n, Bf16* y);

}  // namespace posbench
