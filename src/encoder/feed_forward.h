// The feed-forward part of a layer: f(x) = activation(x W1 + b1) W2.
#pragma once

#include "encoder/workspace.h"

namespace posbench {

template <class Real, class Stored>
class FeedForward {
 public:
  struct Kept {
    const Stored* input;  // (n, d)
    Stored* slope;        // (n, ff), derivative of GELU; a rectifier's shows in its output
    Stored* activated;    // (n, ff)
  };

  explicit FeedForward(Workspace<Real, Stored>& workspace)
      : w_(workspace), is_gelu_(w_.model.system.activation == Activation::gelu) {}

  // product (n, d) = f(x)
  Kept forward(const LayerOffsets& at, const Stored* x, Real* product) {
    const bool keeps_slope = w_.trains() && is_gelu_;
    Kept k{x, w_.arena().template take<Stored>(w_.n * w_.ff), nullptr};
    w_.product(x, at.ff1, w_.d, w_.ff, k.slope, w_.n);
    // Where no slope is kept the activations replace their inputs.
    k.activated = keeps_slope ? w_.kept.template take<Stored>(w_.n * w_.ff) : k.slope;
    const Real* bias = w_.values + at.ff1.bias;
    if (is_gelu_) {
      bias_gelu(k.slope, bias, w_.n, w_.ff, k.activated, keeps_slope ? k.slope : nullptr);
    } else {
      bias_relu(k.slope, bias, w_.n, w_.ff, k.activated);
    }
    w_.product(k.activated, at.ff2, w_.ff, w_.d, product, w_.n);
    w_.clock.lap(Part::feed_forward);
    return k;
  }

  // dx (n, d) = the gradient of x from that of the product, or dx += that.
  void backward(const LayerOffsets& at, const Kept& k, const Stored* dproduct, Real* dx,
                bool adds) {
    Stored* dff = w_.scratch.template take<Stored>(w_.n * w_.ff);
    w_.product_backward(dproduct, at.ff2, w_.ff, w_.d, dff, w_.n, false);
    w_.weight_gradient(k.activated, dproduct, at.ff2, w_.ff, w_.d, w_.n);
    Real* dbias = w_.gradients + at.ff1.bias;
    if (is_gelu_) {
      gelu_backward(k.slope, w_.n, w_.ff, dff, dbias);
    } else {
      relu_backward(k.activated, w_.n, w_.ff, dff, dbias);
    }
    w_.weight_gradient(k.input, dff, at.ff1, w_.d, w_.ff, w_.n);
    w_.product_backward(dff, at.ff1, w_.d, w_.ff, dx, w_.n, adds);
    w_.clock.lap(Part::feed_forward);
  }

 private:
  Workspace<Real, Stored>& w_;
  const bool is_gelu_;
};

}  // namespace posbench
