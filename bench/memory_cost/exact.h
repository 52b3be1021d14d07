// Bytes of one position encoding by arithmetic, from its definition and not from its code: what the
// measured bytes have to agree with.
#pragma once

#include <cstddef>
#include <string>

namespace posbench {

/// f32 throughout; one text of `length` tokens.
struct ExactBytes {
  std::size_t parameters = 0;  ///< trained values
  std::size_t table = 0;       ///< fixed rows, or the constants that a producer keeps
  std::size_t scratch = 0;     ///< rows computed in a forward pass
  std::size_t activation =
      0;  ///< what backward needs of forward: the position ids of a trained table

  std::size_t parameter_bytes() const { return 4 * parameters; }
  std::size_t gradient_bytes() const { return 4 * parameters; }
  std::size_t optimizer_bytes() const { return 8 * parameters; }  ///< AdamW's two moments
  std::size_t total() const {
    return parameter_bytes() + gradient_bytes() + optimizer_bytes() + table + scratch + activation;
  }
};

/// `producer` counts for `sinusoid` only.
inline ExactBytes exact_bytes(const std::string& encoding, const std::string& producer,
                              std::size_t hidden, std::size_t length) {
  const std::size_t rows = 4 * length * hidden;
  if (encoding == "learned" || encoding == "sinusoid_trainable") {
    return {.parameters = length * hidden, .activation = 4 * length};
  }
  if (encoding == "random_frozen") return {.table = rows};
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
