#include "flops.h"

#include <cstddef>

namespace posbench {

double gflop_of(const EncoderShape& shape, const Batch& batch, bool trains) {
  const double d = shape.hidden, tokens = static_cast<double>(batch.size());
  double pairs = 0;  // of a query and a key
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    const double n = batch.offsets[s + 1] - batch.offsets[s];
    pairs += n * n;
  }
  const double layer = tokens * (4 * d * d + 2 * d * shape.feed_forward) + 2 * pairs * d;
  const double head = static_cast<double>(batch.rows.size()) * d * shape.classes;
  return (trains ? 3 : 1) * 2e-9 * (shape.layers * layer + head);
}

}  // namespace posbench
