// A small BERT: embedding, layers of attention and feed-forward, one linear head; forward and
// backward.
//
//   x  = norm(token[id] + position[id])                       (T, d)
//   y  = norm(x + attention(x Wqkv + bqkv) Wo + bo)            (T, d), post-norm as in BERT
//   x' = norm(y + gelu(y W1 + b1) W2 + b2)                     (T, d)
//   logits = x'[labelled rows] Wh + bh                         (R, classes)
//
// A batch is packed: sequences stand end to end with offsets between them, so no padding is
// computed anywhere. The head reads only labelled rows: every word when tagging, the first token of
// a text when classifying.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "encoder/arena.h"
#include "encoder/parameters.h"
#include "encoding/encoding.h"

namespace posbench {

struct EncoderShape {
  int vocabulary = 8000;
  int classes = 2;
  int hidden = 128;  ///< d
  int layers = 2;
  int heads = 4;  ///< H, a divisor of d
  int feed_forward = 512;
  int max_length = 128;  ///< longest sequence, and rows of a position table
};

struct EncoderOptions {
  EncoderShape shape;
  std::string encoding = "learned";
  std::string convention = "interleaved";
  std::string producer = "table";
  double position_rms = 0.0;  ///< 0 = the encoding's own scale
  double token_rms = 0.02;    ///< root mean square of the token vectors at the start
  std::uint64_t seed = 0;
};

/// S sequences of T tokens in all.
struct Batch {
  std::vector<std::int32_t> tokens;      ///< (T)
  std::vector<std::int32_t> positions;   ///< (T), from 0 in each sequence
  std::vector<std::int32_t> offsets{0};  ///< (S + 1)
  std::vector<std::int32_t> rows;        ///< (R) labelled rows, ascending
  std::vector<std::int32_t> labels;      ///< (R)

  std::size_t size() const { return tokens.size(); }
  void clear();
};

template <class Real>
class Encoder {
 public:
  /// Throws UserError for a shape that cannot be (heads not dividing d, sizes below 1) or an
  /// unknown encoding.
  explicit Encoder(const EncoderOptions& options);

  /// logits (R, classes), valid until the next forward.
  const Real* forward(const Batch& batch);

  /// Mean cross-entropy in nats over the labelled rows of the last forward. Fills `row_losses` (R)
  /// if given, and gradients() if `with_gradients`.
  double loss(const Batch& batch, std::vector<Real>* row_losses, bool with_gradients);

  const ParameterLayout& layout() const { return layout_; }
  std::vector<Real>& parameters() { return parameters_; }
  const std::vector<Real>& parameters() const { return parameters_; }
  std::vector<Real>& gradients() { return gradients_; }

  /// Moves the working memory to a new block, `shift` elements into it (see Arena). Forgets the
  /// last forward.
  void lay_out(std::size_t shift) { arena_ = Arena<Real>(shift); }

  /// Nanoseconds inside the position operation since the last call of this function, forward and
  /// backward.
  std::uint64_t take_position_ns();

 private:
  struct Layer {  ///< offsets into the flat buffer
    std::size_t qkv, qkv_bias, out, out_bias, norm1_gamma, norm1_beta;
    std::size_t ff1, ff1_bias, ff2, ff2_bias, norm2_gamma, norm2_beta;
  };
  struct Norm {               ///< what a layer norm keeps for backward
    Real* normalised;         // (T, d)
    Real* inverse_deviation;  // (T)
  };
  struct LayerActivations {
    const Real* input;  // (T, d)
    Real* qkv;          // (T, 3d)
    Real* weights;      // Σ H n²
    Real* context;      // (T, d)
    Norm norm1;
    Real* middle;     // (T, d), output of norm1
    Real* ff_input;   // (T, ff), before gelu
    Real* ff_output;  // (T, ff), after gelu
    Norm norm2;
    Real* output;  // (T, d)
  };

  void add_parameters();
  void initialize();
  void check(const Batch& batch) const;
  Norm take_norm(std::size_t rows);
  void linear(const Real* x, std::size_t rows, std::size_t weight, std::size_t bias, long in,
              long out, Real* y) const;
  void linear_backward(const Real* x, const Real* dy, std::size_t rows, std::size_t weight,
                       std::size_t bias, long in, long out, Real* dx);
  const Real* embed(const Batch& batch);
  const Real* run_layer(const Batch& batch, const Layer& layer, const Real* x);
  void backward(const Batch& batch, const Real* dlogits);
  Real* layer_backward(const Batch& batch, const Layer& layer, const LayerActivations& kept,
                       Real* dy);

  EncoderOptions options_;
  std::unique_ptr<Encoding<Real>> encoding_;
  ParameterLayout layout_;
  std::size_t token_ = 0, position_ = 0, norm0_gamma_ = 0, norm0_beta_ = 0, head_ = 0,
              head_bias_ = 0;
  std::vector<Layer> layers_;
  std::vector<Real> parameters_, gradients_;

  Arena<Real> arena_;
  Norm norm0_{};
  std::vector<LayerActivations> kept_;
  Real* head_input_ = nullptr;  // (R, d)
  Real* logits_ = nullptr;      // (R, classes)
  std::uint64_t position_ns_ = 0;
};

}  // namespace posbench
