// The first part of an engine: token and its features (· √d) + segment + position, and a norm where
// a system has one.
#pragma once

#include <cmath>

#include "encoder/residual.h"

namespace posbench {

template <class Real, class Stored>
class InputSum {
 public:
  explicit InputSum(Workspace<Real, Stored>& workspace)
      : w_(workspace),
        residual_(workspace),
        scale_(w_.model.system.scales_tokens ? std::sqrt(static_cast<Real>(w_.d)) : Real{1}) {}

  void forward(const Batch& batch, const Rows<Real, Stored>& x) {
    const std::size_t d = w_.d;
    const bool has_norm = w_.model.system.embedding_norm;
    Real* sum = has_norm ? w_.scratch.template take<Real>(w_.n * d) : x.value;
    for (std::size_t t = 0; t < w_.block.rows(); ++t) {
      const Real* token = w_.values + w_.at.token + row_of(batch.tokens, t) * d;
      std::transform(token, token + d, sum + t * d, [this](Real value) { return scale_ * value; });
      each_feature(batch, t, [&](std::size_t row) {
        const Real* feature = w_.values + w_.at.token + row * d;
        for (std::size_t i = 0; i < d; ++i) sum[t * d + i] += scale_ * feature[i];
      });
      if (has_segments()) add_to(sum + t * d, w_.values + w_.at.segment + segment(batch, t), d);
    }
    zero_rows(sum, w_.block.rows(), w_.n, d);
    w_.clock.lap(Part::embedding);
    w_.model.encoding.forward(w_.values + w_.at.position, w_.positions(batch), sum);
    w_.clock.lap(Part::position);
    if (has_norm) residual_.norm(sum, w_.at.norm0, x, norm_);
    if (w_.drops()) w_.drop(x.value, 0);
    const bool misses_copy = x.copy() != nullptr && (w_.drops() || !has_norm);
    if constexpr (!std::is_same_v<Real, Stored>) {
      if (misses_copy) round_to_bf16(x.value, w_.n * d, x.stored);
    }
    w_.clock.lap(Part::norm);
  }

  void backward(const Batch& batch, Real* dx) {
    const std::size_t d = w_.d;
    if (w_.drops()) w_.drop(dx, 0);
    if (w_.model.system.embedding_norm) residual_.norm_backward(dx, w_.at.norm0, norm_);
    for (std::size_t t = 0; t < w_.block.rows(); ++t) {
      add_to_row(row_of(batch.tokens, t), dx + t * d);
      each_feature(batch, t, [&](std::size_t row) { add_to_row(row, dx + t * d); });
      if (has_segments()) add_to(w_.gradients + w_.at.segment + segment(batch, t), dx + t * d, d);
    }
    w_.clock.lap(Part::embedding);
    w_.model.encoding.backward(w_.positions(batch), dx, w_.gradients + w_.at.position);
    w_.clock.lap(Part::position);
  }

 private:
  bool has_segments() const { return w_.model.system.has_segments; }
  std::size_t row_of(const std::vector<std::int32_t>& ids, std::size_t t) const {
    return as_size(ids[w_.block.first_row + t]);
  }
  // Calls with the table's row of each feature that the block's row t has.
  template <class Use>
  void each_feature(const Batch& batch, std::size_t t, Use use) const {
    const std::size_t features = batch.features_per_token();
    for (std::size_t f = 0; f < features; ++f) {
      const std::int32_t row = batch.features[(w_.block.first_row + t) * features + f];
      if (row >= 0) use(as_size(row));
    }
  }
  void add_to_row(std::size_t row, const Real* dx) const {
    Real* gradient = w_.gradients + w_.at.token + row * w_.d;
    if (w_.model.system.scales_tokens) {
      for (std::size_t i = 0; i < w_.d; ++i) gradient[i] += scale_ * dx[i];
    } else {
      add_to(gradient, dx, w_.d);
    }
  }
  // Where the segment's row begins in the table.
  std::size_t segment(const Batch& batch, std::size_t t) const {
    return batch.segments.empty() ? 0 : row_of(batch.segments, t) * w_.d;
  }

  Workspace<Real, Stored>& w_;
  Residual<Real, Stored> residual_;
  Real scale_;
  KeptNorm<Real> norm_{};
};

}  // namespace posbench
