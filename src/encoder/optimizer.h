// AdamW with warm-up, linear decay and gradient clipping: BERT's recipe (Devlin 2019, appendix
// A.2).
#pragma once

#include <span>
#include <vector>

#include "base/buffer.h"
#include "encoder/encoder.h"

namespace posbench {

struct OptimizerOptions {
  double learning_rate = 1e-3;    ///< the peak
  double warmup = 0.1;            ///< share of the steps that rise linearly from 0 to the peak
  int steps = 1000;               ///< the rate falls linearly from the peak to 0 at this step
  double weight_decay = 0.01;     ///< on matrices
  double clip_norm = 1.0;         ///< of the whole gradient
  bool freeze_positions = false;  ///< the encoding's own values stay as they are
};

/// The learning rate of step t = 0, 1, …, steps − 1.
double learning_rate_at(const OptimizerOptions& options, int t);

template <class Real>
class Optimizer {
 public:
  Optimizer(const OptimizerOptions& options, const ParameterLayout& layout);

  /// One step on the flat buffers; `stored` gets the new values in bf16 unless null.
  void step(std::span<Real> parameters, std::span<const Real> gradients, Bf16* stored = nullptr);
  /// One step with the gradients that the encoder holds; its clock counts the time.
  void step(Encoder<Real>& encoder);

 private:
  OptimizerOptions options_;
  std::vector<Parameter> parts_;
  Buffer<Real> m_, v_;  ///< first and second moments
  int t_ = 0;
};

}  // namespace posbench
