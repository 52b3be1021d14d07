// The last part of an engine: the logits of labelled rows and their loss.
#pragma once

#include <vector>

#include "encoder/residual.h"
#include "encoder/span_loss.h"

namespace posbench {

template <class Real, class Stored>
class OutputHead {
 public:
  explicit OutputHead(Workspace<Real, Stored>& workspace) : w_(workspace), residual_(workspace) {}

  // Space for the loss of each labelled row of a batch, or of each sequence with a span.
  void begin(const Batch& batch) {
    losses_.resize(batch.spans.empty() ? batch.rows.size() : batch.sequences());
  }

  // logits of the block's labelled rows (padded to whole steps, classes), in the kept arena.
  Real* forward(const Batch& batch, Rows<Real, Stored> x) {
    const std::size_t d = w_.d, classes = w_.classes;
    if (w_.norm_first()) {
      w_.scratch.reset();
      x = residual_.norm(x, w_.at.final_norm, norm_);
    }
    const std::size_t labels = whole_steps(w_.block.labels());
    input_ = x.stored;
    if (!every_row_labelled()) {
      input_ = w_.kept.template take<Stored>(labels * d);
      for (std::size_t r = 0; r < w_.block.labels(); ++r) {
        std::copy_n(x.stored + labelled_row(batch, r) * d, d, input_ + r * d);
      }
      zero_rows(input_, w_.block.labels(), labels, d);
    }
    Real* logits = w_.kept.template take<Real>(labels * classes);
    if (labels > 0) {
      w_.matmul.by_weights({false, w_.at.ties_output, labels, classes, d, false}, input_,
                           w_.weight(matrix()), logits);
    }
    if (!w_.at.ties_output) {
      add_bias(logits, w_.values + w_.at.head.bias, w_.block.labels(), classes);
    }
    w_.clock.lap(Part::head);
    return logits;
  }

  // dx (n, d): gradient of the last layer's output.
  void backward(const Batch& batch, const Real* logits, Real* dx) {
    w_.scratch.reset();
    const std::size_t d = w_.d, classes = w_.classes;
    const bool ties = w_.at.ties_output;
    const std::size_t real = w_.block.labels(), labels = whole_steps(real);
    if (real == 0) {
      zero_rows(dx, 0, w_.n, d);
      // Nothing else fills the gradient that a first block overwrites.
      if (w_.block.first_sequence == 0 && !ties) {
        zero_rows(w_.gradients + matrix(), 0, d, classes);
      }
      return;
    }
    Stored* dlogits = w_.scratch.template take<Stored>(labels * classes);
    const Real scale = static_cast<Real>(1 / static_cast<double>(losses_.size()));
    if (batch.spans.empty()) {
      cross_entropy(logits, batch.labels.data() + w_.block.first_label, real, classes,
                    losses_.data() + w_.block.first_label, scale, dlogits,
                    ties ? nullptr : w_.gradients + w_.at.head.bias);
    } else {
      span_cross_entropy(batch, w_.block.first_sequence, w_.block.last_sequence, logits,
                         losses_.data() + w_.block.first_sequence, scale, dlogits);
    }
    zero_rows(dlogits, real, labels, classes);
    if (ties) {
      // (vocabulary, d) = dlogitsᵀ x; the rows of the input sum add to the same table.
      w_.matmul({true, false, classes, d, labels, true}, dlogits, input_, w_.gradients + matrix());
    } else {
      w_.weight_gradient(input_, dlogits, w_.at.head, d, classes, labels);
    }
    Real* dhead = every_row_labelled() ? dx : w_.scratch.template take<Real>(labels * d);
    w_.matmul.by_weights({false, !ties, labels, d, classes, false}, dlogits, w_.weight(matrix()),
                         dhead);
    if (!every_row_labelled()) {
      zero_rows(dx, 0, w_.n, d);
      for (std::size_t r = 0; r < real; ++r) {
        std::copy_n(dhead + r * d, d, dx + labelled_row(batch, r) * d);
      }
    }
    w_.clock.lap(Part::head);
    if (w_.norm_first()) residual_.norm_backward(dx, w_.at.final_norm, norm_);
  }

  // In nats, over the labelled rows of the batch, or its spans.
  double mean_loss() const {
    double sum = 0;
    for (const Real loss : losses_) sum += static_cast<double>(loss);
    return sum / static_cast<double>(losses_.size());
  }

 private:
  // (d, classes), or the token table (classes, d).
  std::size_t matrix() const { return w_.at.ties_output ? w_.at.token : w_.at.head.weight; }
  bool every_row_labelled() const { return w_.block.labels() == w_.block.rows(); }
  std::size_t labelled_row(const Batch& batch, std::size_t r) const {
    return as_size(batch.rows[w_.block.first_label + r]) - w_.block.first_row;
  }

  Workspace<Real, Stored>& w_;
  Residual<Real, Stored> residual_;
  Stored* input_ = nullptr;  // (labels in whole steps, d)
  KeptNorm<Real> norm_{};
  std::vector<Real> losses_;  // (R), or (S) with spans
};

}  // namespace posbench
