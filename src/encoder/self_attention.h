// The attention part of a layer: f(x) = attention(x Wqkv + bqkv) Wo.
//
// With LayerStates (Dai 2019, §3.2) keys and values come from the cached rows of a sequence and
// its new ones, joined end to end; queries, and what comes out, are of the new rows alone. The
// product that makes them knows no part of a matrix, so it makes queries of the cached rows too,
// and nobody reads those: a third of what a cached row costs.
#pragma once

#include "encoder/joined_rows.h"
#include "kernel/attention.h"
#include "kernel/window_attention.h"

namespace posbench {

inline WindowShape window_of(const EncoderShape& shape, const AttentionShape& of) {
  return {of.offsets, of.lengths, of.hidden, of.heads, shape.window, shape.globals};
}

// Numbers that a system's attention keeps for backward, and those that it works in.
inline std::size_t weights_of(const EncoderSystem& system, const EncoderShape& shape,
                              const AttentionShape& of) {
  if (system.has_window) return window_attention_weights(window_of(shape, of));
  return attention_weights(of);
}
template <class Real>
std::size_t scratch_of(const EncoderSystem& system, const EncoderShape& shape,
                       const AttentionShape& of, const ScoreTerms<Real>& terms) {
  if (system.has_window) return window_attention_scratch(window_of(shape, of));
  return attention_scratch(of, terms);
}

template <class Real, class Stored>
class SelfAttention {
 public:
  struct Kept {
    const Stored* input;  // (joined rows, d)
    Stored* qkv;          // (joined rows, 3d), without its bias unless it has been rotated
    Stored* global;       // the same of the global rows' projections; null: there are none
    Stored* weights;      // attention_weights()
    Stored* context;      // (n, d)
  };

  explicit SelfAttention(Workspace<Real, Stored>& workspace) : w_(workspace), joined_(workspace) {}

  // To be called when the workspace has a new block.
  void begin(const Batch& batch) {
    joined_.begin(batch);
    shape_ = joined_.shape();
    rows_ = joined_.rows();
    n_ = joined_.whole_rows();
  }

  // product (n, d) = f(x)
  Kept forward(const Batch& batch, std::size_t index, const Rows<Real, Stored>& x, Real* product) {
    const LayerOffsets& at = w_.at.layers[index];
    Kept k{};
    k.input = joined_.joins() ? joined_.join(batch, index, x.value, w_.arena()) : x.stored;
    k.qkv = project(batch, k.input, at.qkv);
    if (has_globals()) k.global = project(batch, k.input, at.global);
    w_.clock.lap(Part::projections);
    if (w_.trains())
      k.weights =
          w_.kept.template take<Stored>(weights_of(w_.model.system, w_.model.shape, shape_));
    k.context = w_.arena().template take<Stored>(w_.n * w_.d);
    Stored* context = joined_.joins() ? w_.scratch.template take<Stored>(n_ * w_.d) : k.context;
    zero_rows(context, rows_, n_, w_.d);
    attend(index, k, context);
    w_.clock.lap(Part::scores);
    if (joined_.joins()) joined_.take_new(batch, context, w_.d, k.context);
    w_.product(k.context, at.out, w_.d, w_.d, product, w_.n);
    w_.clock.lap(Part::projections);
    return k;
  }

  // dx (n, d) = the gradient of x from that of the product, or dx += that.
  void backward(const Batch& batch, std::size_t index, const Kept& k, const Stored* dproduct,
                Real* dx, bool adds) {
    const LayerOffsets& at = w_.at.layers[index];
    const std::size_t d = w_.d;
    Stored* dcontext = w_.scratch.template take<Stored>(w_.n * d);
    w_.product_backward(dproduct, at.out, d, d, dcontext, w_.n, false);
    w_.weight_gradient(k.context, dproduct, at.out, d, d, w_.n);
    if (joined_.joins()) dcontext = joined_.put_new(batch, dcontext, w_.scratch);
    const auto take_zero_ended = [&] {
      Stored* taken = w_.scratch.template take<Stored>(n_ * 3 * d);
      zero_rows(taken, rows_, n_, 3 * d);
      return taken;
    };
    Stored* dqkv = take_zero_ended();
    Stored* dglobal = has_globals() ? take_zero_ended() : nullptr;
    w_.clock.lap(Part::projections);
    attend_backward(index, k, dcontext, dqkv, dglobal);
    w_.clock.lap(Part::scores);
    project_backward(batch, k.input, at.qkv, dqkv, dx, adds);
    if (dglobal != nullptr) project_backward(batch, k.input, at.global, dglobal, dx, true);
    w_.clock.lap(Part::projections);
  }

 private:
  bool has_window() const { return w_.model.system.has_window; }
  bool has_globals() const { return has_window() && w_.model.shape.globals > 0; }
  const Rotation<Real>* rotation() const { return w_.model.encoding.rotation(); }
  // A rotation adds the bias on its way.
  template <class T>
  T* bias(T* buffer, const LinearOffsets& at) const {
    return rotation() != nullptr ? nullptr : buffer + at.bias;
  }

  Stored* project(const Batch& batch, const Stored* x, const LinearOffsets& at) {
    Stored* qkv = w_.arena().template take<Stored>(n_ * 3 * w_.d);
    w_.product(x, at, w_.d, 3 * w_.d, qkv, n_);
    if (rotation() != nullptr) {
      w_.clock.lap(Part::projections);
      rotate(*rotation(), joined_.positions(batch), w_.model.shape.hidden, w_.model.shape.heads,
             w_.values + at.bias, qkv);
      w_.clock.lap(Part::position);
    }
    return qkv;
  }

  void project_backward(const Batch& batch, const Stored* x, const LinearOffsets& at, Stored* dqkv,
                        Real* dx, bool adds) {
    if (rotation() != nullptr) {
      w_.clock.lap(Part::projections);
      rotate_backward(*rotation(), joined_.positions(batch), w_.model.shape.hidden,
                      w_.model.shape.heads, dqkv, w_.gradients + at.bias);
      w_.clock.lap(Part::position);
    }
    w_.weight_gradient(x, dqkv, at, w_.d, 3 * w_.d, n_);
    if (joined_.joins()) {
      Stored* of_new = w_.scratch.template take<Stored>(w_.n * 3 * w_.d);
      joined_.take_new(batch, dqkv, 3 * w_.d, of_new);
      dqkv = of_new;
    }
    w_.product_backward(dqkv, at, w_.d, 3 * w_.d, dx, w_.n, adds);
  }

  // The attention of a layer: context (joined rows, d).
  void attend(std::size_t index, const Kept& k, Stored* context) {
    const LayerOffsets& at = w_.at.layers[index];
    const ScoreTerms<Real> terms = w_.model.encoding.terms(index);
    const Real* qkv_bias = bias(w_.values, at.qkv);
    Real* scratch = take_scratch(terms);
    if (has_window()) {
      const Real* global_bias = has_globals() ? bias(w_.values, at.global) : nullptr;
      window_attention(window_of(w_.model.shape, shape_), k.qkv, qkv_bias, k.global, global_bias,
                       scratch, k.weights, context);
    } else {
      attention(shape_, k.qkv, qkv_bias, terms, scratch, k.weights, context);
    }
  }

  // dqkv and dglobal (joined rows, 3d) from dcontext (joined rows, d).
  void attend_backward(std::size_t index, const Kept& k, const Stored* dcontext, Stored* dqkv,
                       Stored* dglobal) {
    const LayerOffsets& at = w_.at.layers[index];
    const ScoreTerms<Real> terms = w_.model.encoding.terms(index);
    const Real* qkv_bias = bias(w_.values, at.qkv);
    Real* dqkv_bias = bias(w_.gradients, at.qkv);
    Real* scratch = take_scratch(terms);
    if (has_window()) {
      window_attention_backward(window_of(w_.model.shape, shape_), k.qkv, qkv_bias, k.global,
                                has_globals() ? bias(w_.values, at.global) : nullptr, k.weights,
                                dcontext, scratch, dqkv, dqkv_bias, dglobal,
                                has_globals() ? bias(w_.gradients, at.global) : nullptr);
    } else {
      attention_backward(shape_, k.qkv, qkv_bias, terms, k.weights, dcontext, scratch, dqkv,
                         dqkv_bias, w_.model.encoding.term_gradients(index));
    }
  }

  Real* take_scratch(const ScoreTerms<Real>& terms) {
    return w_.scratch.template take<Real>(
        scratch_of(w_.model.system, w_.model.shape, shape_, terms));
  }

  Workspace<Real, Stored>& w_;
  JoinedRows<Real, Stored> joined_;
  std::size_t rows_ = 0, n_ = 0;  // joined rows; the same in whole steps
  AttentionShape shape_{};
};

}  // namespace posbench
