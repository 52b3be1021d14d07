#include "encoder/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernel/vector_ops.h"

namespace posbench {
namespace {

// The encoding's values: one table, or one in each layer.
bool is_position(const Parameter& part) { return part.name.ends_with("position"); }

}  // namespace

double learning_rate_at(const OptimizerOptions& options, int t) {
  const double done = static_cast<double>(t + 1);
  const double rise = options.warmup * options.steps;
  if (done <= rise) return options.learning_rate * done / rise;
  return options.learning_rate * (options.steps - t) / (options.steps - rise + 1);
}

template <class Real>
Optimizer<Real>::Optimizer(const OptimizerOptions& options, const ParameterLayout& layout)
    : options_(options),
      parts_(layout.parts()),
      m_(layout.buffer_size(), Real{0}),
      v_(layout.buffer_size(), Real{0}) {}

template <class Real>
void Optimizer<Real>::step(std::span<Real> parameters, std::span<const Real> gradients,
                           Bf16* stored) {
  const double norm = std::sqrt(sum_of_squares(gradients.data(), gradients.size()));
  AdamwStep adamw_step{};
  adamw_step.learning_rate = learning_rate_at(options_, t_);
  adamw_step.gradient_scale = norm > options_.clip_norm ? options_.clip_norm / norm : 1.0;
  ++t_;
  adamw_step.correction1 = 1 - std::pow(AdamwStep::kBeta1, t_);
  adamw_step.correction2 = 1 - std::pow(AdamwStep::kBeta2, t_);
  for (const Parameter& part : parts_) {
    if (options_.freeze_positions && is_position(part)) continue;
    adamw_step.weight_decay = part.decays ? options_.weight_decay : 0.0;
    adamw(adamw_step, gradients.data() + part.offset, part.size(), parameters.data() + part.offset,
          m_.data() + part.offset, v_.data() + part.offset,
          stored ? stored + part.offset : nullptr);
  }
}

template <class Real>
void Optimizer<Real>::step(Encoder<Real>& encoder) {
  encoder.clock().start();
  if (options_.freeze_positions) {
    for (const Parameter& part : parts_) {
      if (is_position(part)) {
        std::fill_n(encoder.gradients().data() + part.offset, part.size(), Real{0});
      }
    }
  }
  step(encoder.parameters(), encoder.gradients(), encoder.stored());
  encoder.stored_changed();
  encoder.clock().lap(Part::optimizer);
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace posbench
