// The loss of a classifier and its gradient, row by row.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/sum.h"

namespace posbench {

/// row_losses (rows) = −ln softmax(logits)[label], in nats; logits are (rows, classes), labels
/// (rows) in 0 … classes − 1. dlogits (rows, classes) = scale · (softmax − one-hot) unless null; it
/// may be logits. dbias (classes) += its column sums, before they are rounded to bf16, unless null.
/// A row with a NaN gives NaN.
void cross_entropy(const float* logits, const std::int32_t* labels, std::size_t rows,
                   std::size_t classes, float* row_losses, float scale, float* dlogits,
                   float* dbias);
void cross_entropy(const float* logits, const std::int32_t* labels, std::size_t rows,
                   std::size_t classes, float* row_losses, float scale, Bf16* dlogits,
                   float* dbias);
void cross_entropy(const double* logits, const std::int32_t* labels, std::size_t rows,
                   std::size_t classes, double* row_losses, double scale, double* dlogits,
                   double* dbias);

}  // namespace posbench
