// The arithmetic of an encoder on one core: forward, loss and gradients of a batch.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "encoder/batch.h"
#include "encoder/layer_states.h"
#include "encoder/layout.h"
#include "encoder/parts.h"
#include "encoding/encoding.h"
#include "kernel/sum.h"

namespace posbench {

/// What an engine needs to know; the references outlive it.
template <class Real>
struct EngineModel {
  const EncoderShape& shape;
  const EncoderSystem& system;
  const EncoderLayout& layout;
  Encoding<Real>& encoding;
  double dropout;
  std::uint64_t seed;  ///< of dropout
};

/// Values and gradients are flat buffers in the order of the layout. Batches and states have been
/// checked; null states: nothing went before.
template <class Real>
class Engine {
 public:
  virtual ~Engine() = default;

  /// logits (R, classes). Keeps nothing.
  virtual void forward(const Batch& batch, const Real* values, Real* logits,
                       LayerStates<Real>* states) = 0;

  /// Mean cross-entropy in nats over the labelled rows; overwrites every gradient.
  virtual double gradients(const Batch& batch, const Real* values, Real* gradients,
                           LayerStates<Real>* states) = 0;

  /// The values as matrix products read them where that is not the buffer itself, else null. The
  /// owner of the values keeps it up to date.
  virtual Bf16* stored() = 0;

  /// Must be called when values, or what stored() points to, have changed.
  virtual void values_changed() = 0;

  /// From now on each layer's output is copied there too, (T, d) a layer; null ends it.
  void watch(std::vector<Buffer<Real>>* layers) { watched_ = layers; }

  /// Moves the working memory to a new block, `shift` bytes into it (see Arena).
  virtual void lay_out(std::size_t shift) = 0;

  /// Bytes of working memory that are held now.
  virtual std::size_t arena_bytes() const = 0;

  PartClock& clock() { return clock_; }

 protected:
  PartClock clock_;
  std::vector<Buffer<Real>>* watched_ = nullptr;
};

/// Precision is `f32` or `bf16`: matrix products of bf16 operands with f32 sums; residual stream,
/// norms, gradients and values stay f32. Throws UserError for another word and for bf16 in f64,
/// Unavailable for bf16 on a CPU without AVX-512.
template <class Real>
std::unique_ptr<Engine<Real>> make_engine(const std::string& precision,
                                          const EngineModel<Real>& model);

}  // namespace posbench
