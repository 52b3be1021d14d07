// The residual connection around each part f of a layer, with its layer norm and dropout.
//
//   norm behind (Vaswani 2017):  y = norm(x + dropout(f(x)))
//   norm first (GPT-2):          y = x + dropout(f(norm(x))), x and y in the same memory
#pragma once

#include "encoder/workspace.h"

namespace posbench {

// What a layer norm keeps for backward; null at inference.
template <class Real>
struct KeptNorm {
  Real* normalised;         // (n, d)
  Real* inverse_deviation;  // (n)
};

template <class Real, class Stored>
class Residual {
  using Stream = Rows<Real, Stored>;
  static constexpr bool kSame = std::is_same_v<Real, Stored>;

 public:
  using Kept = KeptNorm<Real>;

  explicit Residual(Workspace<Real, Stored>& workspace) : w_(workspace) {}

  // The rows that f reads.
  Stream open(const Stream& x, const NormOffsets& at, Kept& kept) {
    return w_.norm_first() ? norm(x, at, kept) : x;
  }

  // y from f's product (n, d), which still lacks its bias.
  void close(Real* product, std::size_t bias, const Stream& x, const NormOffsets& at,
             std::size_t place, const Stream& y, Kept& kept) {
    const Real* added = w_.values + bias;
    if (w_.drops() || w_.norm_first()) {
      add_bias(product, added, w_.n, w_.d);
      if (w_.drops()) w_.drop(product, place);
      added = nullptr;
    }
    if (w_.norm_first()) {
      add_to(x.value, product, w_.n * w_.d);
    } else {
      kept = take_norm();
      add_norm(product, added, x.value, w_.values + at.gamma, w_.values + at.beta, w_.n, w_.d,
               y.value, y.copy(), kept.normalised, kept.inverse_deviation);
    }
    w_.clock.lap(Part::norm);
  }

  // dy (n, d) becomes the gradient of the sum inside; returns that of f's product, as products
  // read it.
  const Stored* close_backward(Real* dy, std::size_t bias, const NormOffsets& at, std::size_t place,
                               const Kept& kept) {
    Stream dsum{dy, nullptr};
    if constexpr (kSame)
      dsum.stored = dy;
    else
      dsum.stored = w_.scratch.template take<Stored>(w_.n * w_.d);
    Real* dbias = w_.gradients + bias;
    if (!w_.norm_first()) {
      add_norm_backward(dy, w_.values + at.gamma, kept.normalised, kept.inverse_deviation, w_.n,
                        w_.d, dy, dsum.copy(), w_.gradients + at.gamma, w_.gradients + at.beta,
                        w_.drops() ? nullptr : dbias);
    }
    if (w_.drops()) {
      dsum.value = w_.scratch.template take<Real>(w_.n * w_.d);
      std::copy_n(dy, w_.n * w_.d, dsum.value);
      w_.drop(dsum.value, place);
      if constexpr (kSame) dsum.stored = dsum.value;
    }
    if (w_.drops() || w_.norm_first()) {
      add_column_sums(dbias, dsum.value, w_.n, w_.d);
      if constexpr (!kSame) round_to_bf16(dsum.value, w_.n * w_.d, dsum.stored);
    }
    w_.clock.lap(Part::norm);
    return dsum.stored;
  }

  // Where f puts the gradient of what it read. It adds to that of the residual unless a norm stands
  // between.
  Real* inner_gradient(Real* dx) {
    return w_.norm_first() ? w_.scratch.template take<Real>(w_.n * w_.d) : dx;
  }
  bool f_adds() const { return !w_.norm_first(); }

  // dx (n, d), the gradient of the sum, becomes that of x.
  void open_backward(Real* inner, Real* dx, const NormOffsets& at, const Kept& kept) {
    if (!w_.norm_first()) return;
    norm_backward(inner, at, kept);
    add_to(dx, inner, w_.n * w_.d);
    w_.clock.lap(Part::norm);
  }

  // norm(x), in memory of its own.
  Stream norm(const Stream& x, const NormOffsets& at, Kept& kept) {
    Stream y{};
    if constexpr (kSame) {
      y.value = y.stored = w_.arena().template take<Real>(w_.n * w_.d);
    } else {
      y = {w_.scratch.template take<Real>(w_.n * w_.d),
           w_.arena().template take<Stored>(w_.n * w_.d)};
    }
    norm(x.value, at, y, kept);
    return y;
  }

  void norm(const Real* x, const NormOffsets& at, const Stream& y, Kept& kept) {
    kept = take_norm();
    add_norm(nullptr, nullptr, x, w_.values + at.gamma, w_.values + at.beta, w_.n, w_.d, y.value,
             y.copy(), kept.normalised, kept.inverse_deviation);
    w_.clock.lap(Part::norm);
  }

  // dy (n, d) becomes the gradient of what norm() read.
  void norm_backward(Real* dy, const NormOffsets& at, const Kept& kept) {
    add_norm_backward(dy, w_.values + at.gamma, kept.normalised, kept.inverse_deviation, w_.n, w_.d,
                      dy, nullptr, w_.gradients + at.gamma, w_.gradients + at.beta, nullptr);
    w_.clock.lap(Part::norm);
  }

 private:
  Kept take_norm() {
    if (!w_.trains()) return {nullptr, nullptr};
    return {w_.kept.template take<Real>(w_.n * w_.d), w_.kept.template take<Real>(w_.n)};
  }

  Workspace<Real, Stored>& w_;
};

}  // namespace posbench
