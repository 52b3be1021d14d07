// Which parameters an encoder has and where each stands in the flat buffer.
#pragma once

#include <cstddef>
#include <vector>

#include "encoder/parameters.h"
#include "encoder/systems.h"
#include "encoding/encoding.h"

namespace posbench {

struct EncoderShape {
  int vocabulary = 8000;
  int classes = 2;
  int hidden = 128;  ///< d
  int layers = 2;
  int heads = 4;  ///< H, a divisor of d
  int feed_forward = 512;
  int max_length = 128;  ///< longest sequence, cached rows included, and rows of a position table
  // Of a system with a window alone:
  int window = 256;  ///< keys that a query sees on each side
  int globals = 1;   ///< first rows of each sequence that see all and are seen by all
};

/// Rows of a segment table: a text, or the first and the second of a pair.
constexpr int kSegments = 2;

/// Throws UserError for sizes below 1 and for heads that do not divide d.
void require_possible(const EncoderShape& shape);
/// For systems with a window. Throws UserError where it, or the number of global rows, is larger
/// than the longest sequence, or too small.
void require_window(const EncoderShape& shape);

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
  LinearOffsets global;  // (d, 3d), of global rows, where there are any
  LinearOffsets out;     // (d, d)
  NormOffsets norm1;
  LinearOffsets ff1;  // (d, ff)
  LinearOffsets ff2;  // (ff, d)
  NormOffsets norm2;
};
struct EncoderLayout {
  /// The last two are the encoding's: values that serve all layers, and each layer's own.
  EncoderLayout(const EncoderShape& shape, const EncoderSystem& system, MatrixSize position,
                MatrixSize layer_position);

  /// Tables gather gradients row by row; no product overwrites them.
  bool is_table(const Parameter& part) const {
    return part.name == "token" || part.name == "segment" || part.name.ends_with("position");
  }
  /// Of the tables, products read that of the tokens alone, where it is the head too.
  bool in_products(const Parameter& part) const {
    return part.rows > 1 && (!is_table(part) || (ties_output && part.name == "token"));
  }

  ParameterLayout parameters;
  bool ties_output;         // the head is the transposed token table
  std::size_t token;        // (vocabulary, d)
  std::size_t segment = 0;  // (2, d), where a system has segments
  std::size_t position;     // the encoding's values that serve all layers
  NormOffsets norm0{};      // behind the input sum, where a system has a norm there
  std::vector<LayerOffsets> layers;
  NormOffsets final_norm{};  // before the head, where norms stand first
  LinearOffsets head{};      // (d, classes), where it is not tied
};

}  // namespace posbench
