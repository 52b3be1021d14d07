#include "memory_cost/training_state.h"

#include <malloc.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernel/vector_ops.h"
#include "memory_cost/counting.h"

namespace posbench {
namespace {

template <class Real>
PositionValues<Real> values_of(const Encoding<float>& encoding, std::size_t layers, Real* buffer) {
  PositionValues<Real> values{buffer, {}};
  for (std::size_t layer = 0; layer < layers; ++layer) {
    values.layers.push_back(buffer + encoding.shared_size().count() +
                            layer * encoding.layer_size().count());
  }
  return values;
}

MeasuredBytes watch_one_step(const std::string& name, const EncodingOptions& options) {
  // What every encoding is given and does not own.
  const auto length = static_cast<std::size_t>(options.max_length);
  std::vector<float> x(length * static_cast<std::size_t>(options.hidden), 0.5f);
  std::vector<std::int32_t> positions(length);
  std::iota(positions.begin(), positions.end(), 0);
  reset_peak_resident_bytes();
  const std::size_t live_before = live_bytes();
  const std::size_t resident_before = resident_bytes();

  const auto encoding = make_encoding<float>(name, options);
  const auto layers = static_cast<std::size_t>(options.layers);
  const std::size_t n = encoding->parameter_count(layers);
  std::vector<float> parameters(n), gradients(n), m(n), v(n);
  std::vector<std::int32_t> kept_positions;
  encoding->initialize(parameters.data());
  {
    const auto values = values_of<const float>(*encoding, layers, parameters.data());
    for (std::size_t layer = 0; layer < layers; ++layer) {
      encoding->initialize_layer(layer, parameters.data() + (values.layers[layer] - values.shared));
    }
    encoding->forward(parameters.data(), positions, x.data());
    encoding->begin_pass(values, length, /*trains=*/true);
    encoding->end_pass(values, values_of<float>(*encoding, layers, gradients.data()));
  }
  if (n > 0) {
    if (encoding->shared_size().rows == length) kept_positions = positions;
    encoding->backward(kept_positions, x.data(), gradients.data());
    const AdamwStep step{.learning_rate = 1e-3,
                         .weight_decay = 0.01,
                         .gradient_scale = 1.0,
                         .correction1 = 1.0 - AdamwStep::kBeta1,
                         .correction2 = 1.0 - AdamwStep::kBeta2};
    adamw(step, gradients.data(), n, parameters.data(), m.data(), v.data());
  }
  return {.allocated = live_bytes() - live_before,
          .library = encoding->library_bytes(),
          .peak_rss = std::max(peak_resident_bytes(), resident_before) - resident_before};
}

}  // namespace

MeasuredBytes measure_training_state(const std::string& encoding, const EncodingOptions& options) {
  // What runs for the first time leaves code behind, which is nobody's state: a first step takes
  // that out. Its memory goes back to the system, or the second would not be seen to take it.
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  watch_one_step(encoding, options);
  malloc_trim(0);
  return watch_one_step(encoding, options);
}

}  // namespace posbench
