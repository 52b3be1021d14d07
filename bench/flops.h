// The arithmetic that rates and shares of a peak divide by: that of an encoder's matrix products.
#pragma once

#include "encoder/batch.h"
#include "encoder/encoder.h"

namespace posbench {

/// 10⁹ multiplications and additions in the matrix products of one call on this batch: the four
/// projections and the two feed-forward products of each layer, those of global rows where the
/// system has any, scores and sums of values of the keys that a query sees, and the head. Forward
/// and backward are three times the forward pass. Norms, softmax, GELU, the optimizer and all that
/// a position encoding computes are no products here: who takes time for them reaches less of the
/// peak.
double gflop_of(const EncoderOptions& options, const Batch& batch, bool trains);

}  // namespace posbench
