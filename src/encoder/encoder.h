// A transformer encoder: embedding, layers of attention and feed-forward, one linear head; forward
// and backward. As a plain encoder, which is BERT without its segments:
//
//   x  = norm(token[id] + position[id])                       (T, d)
//   y  = norm(x + attention(x Wqkv + bqkv) Wo + bo)            (T, d), post-norm as in BERT
//   x' = norm(y + gelu(y W1 + b1) W2 + b2)                     (T, d)
//   logits = x'[labelled rows] Wh + bh                         (R, classes)
//
// The head reads only labelled rows: every word when tagging, the first token of a text when
// classifying. Dropout, where asked for, stands where BERT has it in the residual stream: behind
// the first norm and before each residual sum; the attention weights keep theirs. What the other
// systems do in other ways is in encoder/systems.h.
//
// A batch runs block by block (encoder/batch.h): a block of about 512 rows goes forward and, when
// training, backward before the next begins. What a layer leaves is then still in the caches when
// the next one reads it, and memory does not grow with the batch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "encoder/batch.h"
#include "encoder/engine.h"
#include "encoder/layout.h"
#include "encoding/encoding.h"

namespace posbench {

struct EncoderOptions {
  EncoderShape shape;
  std::string system = "encoder";  ///< see encoder/systems.h
  std::string encoding = "learned";
  std::string convention = "";  ///< empty: the encoding's first
  std::string producer = "table";
  double position_rms = 0.0;  ///< 0 = the encoding's own scale
  int trained_length = 0;     ///< rows of a learned table that training reaches; 0: the system's
  std::string fill = "";      ///< of its other rows (encoding/fill.h); empty: the system's
  double token_rms = 0.02;    ///< root mean square of the token vectors at the start
  std::uint64_t seed = 0;
  std::string precision = "f32";  ///< of matrix products: f32 or bf16
  double dropout = 0.0;           ///< probability, when training
};

/// Throws UserError for a shape that cannot be (heads not dividing d, sizes below 1, a window
/// longer than the longest sequence), an unknown system, or a dropout outside [0, 1).
void require_possible(const EncoderOptions& options);

/// What the encoding of such an encoder is made from.
EncodingOptions encoding_options(const EncoderOptions& options);

/// Real is float in every measurement and double in gradient checks.
template <class Real>
class Encoder {
 public:
  /// Throws UserError as require_possible does, for an unknown encoding or precision, and for an
  /// encoding that adds to the scores in a system with a window, which takes none.
  explicit Encoder(const EncoderOptions& options);

  /// logits (R, classes), valid until the next call of forward or loss. `states`, where a system
  /// has a memory, hold what went before each sequence and then this batch too. Throws UserError
  /// for a batch that this encoder cannot take, naming the sequence, token or label, and for states
  /// of another shape.
  const Real* forward(const Batch& batch, LayerStates<Real>* states = nullptr);

  /// forward, then the mean cross-entropy in nats over the labelled rows, or over the sequences of
  /// a batch with spans (encoder/span_loss.h). Fills `row_losses` (R, or S) if given.
  double loss(const Batch& batch, std::vector<Real>* row_losses = nullptr,
              LayerStates<Real>* states = nullptr);

  /// The same loss without keeping logits, with dropout; fills gradients(). No gradient goes back
  /// into the states.
  double loss_and_gradients(const Batch& batch, LayerStates<Real>* states = nullptr);

  /// The output of each layer, (T, d) in the batch's order; where norms stand first, before the
  /// last norm.
  std::vector<Buffer<Real>> hidden_states(const Batch& batch);

  const ParameterLayout& layout() const { return layout_.parameters; }
  const EncoderShape& shape() const { return options_.shape; }
  const EncoderSystem& system() const { return system_; }
  /// Whoever changes them calls parameters_changed() before the next pass.
  Buffer<Real>& parameters() { return parameters_; }
  const Buffer<Real>& parameters() const { return parameters_; }
  Buffer<Real>& gradients() { return gradients_; }
  const Real* logits() const { return logits_.data(); }

  /// Fills the rows of a learned table that training did not reach, as the options ask, from those
  /// that it did.
  void fill_positions();

  /// Renews what matrix products read instead of the parameters themselves.
  void parameters_changed();
  /// The copy of the parameters that products of bf16 read, null in f32 and f64; for an optimizer,
  /// which renews it on its way and says so.
  Bf16* stored() { return engine_->stored(); }
  void stored_changed() { engine_->values_changed(); }

  /// Moves the working memory to a new block, `shift` bytes into it (see Arena).
  void lay_out(std::size_t shift) { engine_->lay_out(shift); }
  /// Bytes of working memory that the passes so far have taken.
  std::size_t arena_bytes() const { return engine_->arena_bytes(); }

  /// The time of passes and steps since the last call, by part.
  Parts take_parts() { return engine_->clock().take(); }
  PartClock& clock() { return engine_->clock(); }

 private:
  void initialize();
  void check(const Batch& batch) const;
  void check_spans(const Batch& batch) const;
  void check(const Batch& batch, const LayerStates<Real>& states) const;

  EncoderOptions options_;
  const EncoderSystem& system_;
  std::unique_ptr<Encoding<Real>> encoding_;
  EncoderLayout layout_;
  Buffer<Real> parameters_, gradients_;
  std::unique_ptr<Engine<Real>> engine_;
  Buffer<Real> logits_;  // (R, classes)
  std::vector<Real> own_row_losses_;
};

}  // namespace posbench
