#include "flops.h"

#include <algorithm>
#include <cstddef>

namespace posbench {
namespace {

// Keys that the n queries of a sequence see, together.
double pairs_of(const EncoderSystem& system, const EncoderShape& shape, double n) {
  if (system.causal) return n * (n + 1) / 2;
  const double window = shape.window, globals = shape.globals;
  if (!system.has_window || window >= n) return n * n;
  // A window at each place but where the ends of the sequence cut it; then global rows and columns,
  // less what windows hold of them.
  const double windows = n * (2 * window + 1) - window * (window + 1);
  double seen = 0;
  for (int row = 0; row < shape.globals; ++row) {
    const double g = row;
    seen += n - (std::min(g, window) + std::min(n - 1 - g, window) + 1);
  }
  // A pair of two global rows outside each other's window was counted from both sides.
  const double beyond = std::max(0.0, globals - window - 1);
  return windows + 2 * seen - beyond * (beyond + 1);
}

}  // namespace

double gflop_of(const EncoderOptions& options, const Batch& batch, bool trains) {
  const EncoderShape& shape = options.shape;
  const EncoderSystem& system = find_system(options.system);
  const double d = shape.hidden, tokens = static_cast<double>(batch.size());
  double pairs = 0;  // of a query and a key
  double globals = 0;
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    pairs += pairs_of(system, shape, batch.rows_of(s));
    if (system.has_window) globals += shape.globals;
  }
  // Queries of the global rows, and the keys and values of all rows that these meet.
  const double global = globals == 0 ? 0 : (globals + 2 * tokens) * d * d;
  const double layer = tokens * (4 * d * d + 2 * d * shape.feed_forward) + global + 2 * pairs * d;
  const double head = static_cast<double>(batch.rows.size()) * d * shape.classes;
  return (trains ? 3 : 1) * 2e-9 * (shape.layers * layer + head);
}

}  // namespace posbench
