// Which parameters an encoder has and where each stands in the flat buffer.
#pragma once

#include <cstddef>
#include <vector>

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
  std::size_t position;  // the encoding's own values
  LinearOffsets qkv;     // (d, 3d)
  LinearOffsets out;     // (d, d)
  NormOffsets norm1;
  LinearOffsets ff1;  // (d, ff)
  LinearOffsets ff2;  // (ff, d)
  NormOffsets norm2;
};
struct EncoderLayout {
  /// The last two are the encoding's: values that serve all layers, and each layer's own.
  EncoderLayout(const EncoderShape& shape, MatrixSize position, MatrixSize layer_position);

  /// Tables gather gradients row by row; no product reads or overwrites them.
  bool is_table(const Parameter& part) const {
    return part.name == "token" || part.name.ends_with("position");
  }

  ParameterLayout parameters;
  std::size_t token;     // (vocabulary, d)
  std::size_t position;  // the encoding's values that serve all layers
  NormOffsets norm0;
  std::vector<LayerOffsets> layers;
  LinearOffsets head;  // (d, classes)
};

}  // namespace posbench
