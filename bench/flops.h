// The arithmetic that rates and shares of a peak divide by: that of an encoder's matrix products.
#pragma once

#include "encoder/batch.h"
#include "encoder/layout.h"

namespace posbench {

/// 10⁹ multiplications and additions in the matrix products of one call on this batch: the four
/// projections and the two feed-forward products of each layer, scores and sums of values, and the
/// head. Forward and backward are three times the forward pass. Norms, softmax, GELU and the
/// optimizer are no products: who takes time for them reaches less of the peak.
double gflop_of(const EncoderShape& shape, const Batch& batch, bool trains);

}  // namespace posbench
