// Which parameters an encoder has and where each stands in the flat buffer.
#pragma once

#include <cstddef>
#include <vector>

#include "encoder/parameters.h"

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

/// Throws UserError for sizes below 1 and for heads that do not divide d.
void require_possible(const EncoderShape& shape);

/// Offsets into the flat buffer.
struct NormOffsets {
  std::size_t gamma, beta;  // (d)
};
struct LinearOffsets {
  std::size_t weight, bias;  // (in, out), (out)
};
struct LayerOffsets {
  LinearOffsets qkv;  // (d, 3d)
  LinearOffsets out;  // (d, d)
  NormOffsets norm1;
  LinearOffsets ff1;  // (d, ff)
  LinearOffsets ff2;  // (ff, d)
  NormOffsets norm2;
};
struct EncoderLayout {
  /// `position_count` values belong to the encoding, in rows of d.
  EncoderLayout(const EncoderShape& shape, std::size_t position_count);

  ParameterLayout parameters;
  std::size_t token;     // (vocabulary, d)
  std::size_t position;  // (position_count / d, d)
  NormOffsets norm0;
  std::vector<LayerOffsets> layers;
  LinearOffsets head;  // (d, classes)
};

}  // namespace posbench
