// The pieces that the parts of an engine take from its arenas, told before there is an engine.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "encoder/arena.h"
#include "encoder/footprint.h"
#include "encoder/self_attention.h"

namespace posbench {

// What takes so much at the lengths 1, 2 and 3, at the full length: what an encoding has is at most
// a square of that, and three tell any square.
inline double extrapolated(const double (&at)[3], int max_length) {
  const double more = max_length - 1;
  return at[0] + more * (at[1] - at[0]) + more * (more - 1) / 2 * (at[2] - 2 * at[1] + at[0]);
}

// Which terms an encoding adds to the scores, with their reach but without their values. Neither
// hangs on d or the number of layers, so a small encoding tells.
template <class Real>
ScoreTerms<Real> score_terms(const EncoderOptions& options) {
  static const Real some_value{};
  ScoreTerms<Real> terms[3];
  for (const int length : {1, 2, 3}) {
    EncodingOptions of = encoding_options(options);
    of.max_length = length;
    of.hidden = 8 * of.heads;
    of.layers = 1;
    const auto encoding = make_encoding<Real>(options.encoding, of);
    const std::vector<Real> shared(encoding->shared_size().count());
    const std::vector<Real> layer(encoding->layer_size().count());
    encoding->begin_pass({shared.data(), {layer.data()}}, as_size(length), false);
    terms[length - 1] = encoding->terms(0);
  }
  const auto reaching = [&](auto term) {
    auto full = terms[2].*term;
    const auto reach = [&](int i) { return static_cast<double>((terms[i].*term).reach); };
    full.reach =
        static_cast<long>(extrapolated({reach(0), reach(1), reach(2)}, options.shape.max_length));
    if (full.values != nullptr) full.values = &some_value;
    return full;
  };
  using Terms = ScoreTerms<Real>;
  const auto shown = [](const Real* shift) { return shift == nullptr ? nullptr : &some_value; };
  return {reaching(&Terms::by_distance), reaching(&Terms::by_place),
          reaching(&Terms::keys),        reaching(&Terms::values),
          shown(terms[2].query_shift),   shown(terms[2].relative_shift)};
}

// In bytes, for blocks of the largest batch.
template <class Real>
class ArenaPieces {
 public:
  ArenaPieces(const EncoderOptions& options, const BatchSize& size, std::size_t stored)
      : system_(find_system(options.system)),
        stored_(stored),
        has_copies_(sizeof(Real) != stored),
        joins_(size.cached > 0),
        every_row_labelled_(size.labels == size.rows),
        drops_(options.dropout > 0) {
    const std::size_t joined = most_block_rows(size.rows + size.cached, size.longest);
    const std::size_t rows = std::min(size.rows, joined);
    n_ = whole_steps(rows);
    joined_ = whole_steps(joined);
    labels_ = whole_steps(std::min(size.labels, rows));
    const EncoderShape& shape = options.shape;
    d_ = as_size(shape.hidden);
    ff_ = as_size(shape.feed_forward);
    classes_ = as_size(shape.classes);
    layers_ = static_cast<double>(shape.layers);
    // Scores grow with the square of a sequence, so sequences as long as the longest need most.
    std::vector<std::int32_t> offsets{0};
    for (std::size_t row = 0; row < joined; row = static_cast<std::size_t>(offsets.back())) {
      offsets.push_back(static_cast<std::int32_t>(std::min(joined, row + size.longest)));
    }
    projections_ = system_.has_window && shape.globals > 0 ? 2 : 1;
    const AttentionShape attention{offsets, {}, shape.hidden, shape.heads, system_.causal};
    weights_ = weights_of(system_, shape, attention);
    attention_scratch_ = scratch_of(system_, shape, attention, score_terms<Real>(options));
  }

  double kept_when_training() const {
    const double activations = system_.activation == Activation::gelu ? 2 : 1;
    const double parts = (joins_ ? stored(joined_ * d_) : 0) +
                         projections_ * stored(joined_ * 3 * d_) + stored(weights_) +
                         stored(n_ * d_) + activations * stored(n_ * ff_) + 2 * norm();
    const double ends = head() + real(n_ * d_);  // and the gradient of the last layer's output
    if (system_.norm_first) {
      // One residual stream; what each norm hands to products, and the last to the head.
      return real(n_ * d_) + layers_ * (parts + 2 * stored(n_ * d_)) + norm() + stored(n_ * d_) +
             ends;
    }
    // The inputs of all layers and the output of the last; what stands between a layer's parts.
    return (layers_ + 1) * residual() + (system_.embedding_norm ? norm() : 0) +
           layers_ * (parts + residual()) + ends;
  }

  double scratch_when_training() const {
    const double layer_forward = real(n_ * d_) + real(attention_scratch_) +
                                 (joins_ ? stored(joined_ * d_) : 0) + 2 * normed_beside_copy();
    const double part_backward = (has_copies_ ? stored(n_ * d_) : 0) +
                                 (drops_ ? real(n_ * d_) : 0) +
                                 (system_.norm_first ? real(n_ * d_) : 0);
    const double joining = joins_ ? stored(joined_ * d_) + stored(n_ * 3 * d_) : 0;
    const double layer_backward = 2 * part_backward + stored(n_ * ff_) + stored(n_ * d_) +
                                  projections_ * stored(joined_ * 3 * d_) + joining +
                                  real(attention_scratch_);
    const double head_backward =
        stored(labels_ * classes_) + (every_row_labelled_ ? 0 : real(labels_ * d_));
    return std::max({layer_forward, layer_backward, head_backward});
  }

  double kept_when_inferring() const {
    return (system_.norm_first ? real(n_ * d_) : 2 * residual()) + head();
  }

  double scratch_when_inferring() const {
    // The input joined, and the context.
    const double joining = joins_ ? 2 * stored(joined_ * d_) : 0;
    return projections_ * stored(joined_ * 3 * d_) + joining + stored(n_ * d_) +
           real(attention_scratch_) + real(n_ * d_) + (system_.norm_first ? 2 : 1) * residual() +
           stored(n_ * ff_);
  }

 private:
  static double piece(std::size_t bytes) { return static_cast<double>(Arena::piece_bytes(bytes)); }
  double real(std::size_t n) const { return piece(n * sizeof(Real)); }
  double stored(std::size_t n) const { return piece(n * stored_); }
  double residual() const { return real(n_ * d_) + (has_copies_ ? stored(n_ * d_) : 0); }
  double norm() const { return real(n_ * d_) + real(n_); }
  // What a norm that stands first leaves in f32 where products read bf16.
  double normed_beside_copy() const {
    return system_.norm_first && has_copies_ ? real(n_ * d_) : 0;
  }
  double head() const {
    return (every_row_labelled_ ? 0 : stored(labels_ * d_)) + real(labels_ * classes_);
  }

  const EncoderSystem& system_;
  std::size_t stored_;  // bytes of a number
  bool has_copies_;     // the residual stream has one as products read it
  bool joins_;          // LayerStates give further rows
  bool every_row_labelled_, drops_;
  std::size_t n_ = 0, joined_ = 0, labels_ = 0;  // in whole steps
  std::size_t d_ = 0, ff_ = 0, classes_ = 0;
  std::size_t weights_ = 0, attention_scratch_ = 0;
  double projections_ = 1, layers_ = 0;
};

}  // namespace posbench
