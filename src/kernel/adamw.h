// The optimizer's arithmetic: one step of AdamW, and the norm that clipping needs.
#pragma once

#include <cstddef>

#include "kernel/sum.h"

namespace posbench {

/// The sum of squares of x (n), accumulated in f64 over blocks of 4,096 elements.
double sum_of_squares(const float* x, std::size_t n);
double sum_of_squares(const double* x, std::size_t n);

/// One step of AdamW (Loshchilov and Hutter 2019). The gradient is multiplied by `gradient_scale`
/// first (clipping); `correction1` and `correction2` are 1 − β1^t and 1 − β2^t.
struct AdamwStep {
  double learning_rate;
  double weight_decay;
  double gradient_scale;
  double correction1;
  double correction2;
  static constexpr double kBeta1 = 0.9;
  static constexpr double kBeta2 = 0.999;
  static constexpr double kEpsilon = 1e-8;
};

/// Moves value (n) with its first and second moments m and v (n). stored gets the new values in
/// bf16 unless null.
void adamw(const AdamwStep& step, const float* gradient, std::size_t n, float* value, float* m,
           float* v, Bf16* stored = nullptr);
void adamw(const AdamwStep& step, const double* gradient, std::size_t n, double* value, double* m,
           double* v, Bf16* stored = nullptr);

}  // namespace posbench
