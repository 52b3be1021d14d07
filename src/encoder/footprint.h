// How many bytes an encoder needs for batches of a given size, before it is built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "encoder/encoder.h"

namespace posbench {

/// The largest batch that an encoder will see.
struct BatchSize {
  std::size_t rows;        ///< T, padding included
  std::size_t longest;     ///< rows of the longest sequence, its cached ones included
  std::size_t labels;      ///< R
  std::size_t cached = 0;  ///< rows of all sequences that LayerStates hold
};

/// The least that holds every one of these batches.
BatchSize largest_of(std::span<const Batch> batches);

/// Bytes by what they hold. Sums saturate: a shape beyond all machines is beyond this one.
struct Footprint {
  std::uint64_t parameters;
  std::uint64_t gradients;  ///< held by an encoder that only infers too
  std::uint64_t moments;    ///< AdamW's two, when training
  std::uint64_t stored;     ///< the copy of the parameters in bf16
  std::uint64_t packed;     ///< weights as oneDNN's products read them, one copy for each direction
  std::uint64_t positions;  ///< what the encoding holds beside its parameters
  std::uint64_t logits;     ///< of a whole batch
  std::uint64_t states;     ///< what LayerStates hold
  std::uint64_t kept;       ///< arena: activations of one block
  std::uint64_t scratch;    ///< arena: working memory of one layer

  std::uint64_t total() const;
};

/// An upper bound for batches up to `size`: exact for one block of sequences as long as the
/// longest, a little more than real sentences need (an encoding that computes its rows counts as
/// a table). `trains`: training steps and passes that score, with what those need at most. oneDNN's
/// own memory (code, working space of a product) is not in it. Throws UserError as Encoder does.
template <class Real>
Footprint footprint(const EncoderOptions& options, const BatchSize& size, bool trains);

/// Refuses encoders of one shape that together would not fit into this machine's memory. Throws
/// UserError naming the shape, the bytes needed and available; UserError as Encoder does.
void require_footprint(std::span<const EncoderOptions> encoders, const BatchSize& size,
                       bool trains);

}  // namespace posbench
