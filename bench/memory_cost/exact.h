// Bytes of one position encoding by arithmetic, from its definition and not from its code: what the
// measured bytes have to agree with.
#pragma once

#include <cstddef>
#include <string>

#include "encoding/encoding.h"

namespace posbench {

/// f32 throughout; one text of `length` tokens.
struct ExactBytes {
  std::size_t parameters = 0;  ///< trained values
  std::size_t table = 0;       ///< fixed rows, biases by distance, or a producer's constants
  std::size_t scratch = 0;     ///< rows computed in a pass, and where gradients by distance gather
  std::size_t activation =
      0;  ///< what backward needs of forward: the position ids of a trained table

  std::size_t parameter_bytes() const { return 4 * parameters; }
  std::size_t gradient_bytes() const { return 4 * parameters; }
  std::size_t optimizer_bytes() const { return 8 * parameters; }  ///< AdamW's two moments
  std::size_t total() const {
    return parameter_bytes() + gradient_bytes() + optimizer_bytes() + table + scratch + activation;
  }
};

/// Of an encoding's options those count that its definition names.
inline ExactBytes exact_bytes(const std::string& encoding, const EncodingOptions& options) {
  const auto hidden = static_cast<std::size_t>(options.hidden);
  const auto length = static_cast<std::size_t>(options.max_length);
  const auto heads = static_cast<std::size_t>(options.heads);
  const auto layers = static_cast<std::size_t>(options.layers);
  const std::string &producer = options.producer, &convention = options.convention;
  const std::size_t rows = 4 * length * hidden;
  const std::size_t distances = 2 * length - 1;
  if (encoding == "learned" || encoding == "sinusoid_trainable") {
    const std::size_t padding = convention == "roberta" ? 2 : 0;
    return {.parameters = (length + padding) * hidden, .activation = 4 * length};
  }
  if (encoding == "random_frozen") return {.table = rows};
  // Cosine and sine for each pair of a head's columns, or of a quarter of them.
  if (encoding == "rope") {
    return {.table = rows / heads / (convention == "halves_quarter" ? 4 : 1)};
  }
  if (encoding == "alibi") return {.table = 4 * heads * distances};
  if (encoding == "t5_bias") {
    return {
        .parameters = 32 * heads, .table = 4 * heads * distances, .scratch = 4 * heads * distances};
  }
  if (encoding == "shaw") {
    const std::size_t vectors = layers * (convention == "keys" ? 1 : 2) * (2 * 16 + 1) * hidden;
    return {.parameters = vectors, .scratch = 4 * vectors};
  }
  if (encoding == "transformer_xl") {
    // Its keys in each layer, and their gradients with those of u and v.
    return {.parameters = layers * (hidden + 2) * hidden,
            .table = 4 * distances * hidden,
            .scratch = 4 * layers * (2 * distances + 2) * hidden};
  }
  if (encoding == "tupe") {
    // Its table, layer norm, two projections and two numbers a head; five matrices of rows, one of
    // a head, and the scores by place with their gradients.
    return {.parameters = (length + 2 + 2 * hidden) * hidden + 2 * heads,
            .scratch = 4 * (5 * length * hidden + length * hidden / heads + length +
                            2 * heads * length * length)};
  }
  if (encoding != "sinusoid") return {};
  if (producer == "table") return {.table = rows};
  // One float a frequency; two for its split form; cosine and sine of a step for each column, for
  // one step or for two.
  const std::size_t one_each = 4 * (hidden / 2);
  const std::size_t constants = producer == "libm_pow"           ? 0
                                : producer == "simd"             ? 2 * one_each
                                : producer == "recurrence_tiles" ? 6 * one_each
                                : producer == "recurrence"       ? 10 * one_each
                                                                 : one_each;
  return {.table = constants, .scratch = rows};
}

}  // namespace posbench
