// One training step of a position encoding by itself, with its memory watched.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "encoding/encoding.h"

namespace posbench {

struct MeasuredBytes {
  std::size_t allocated;               ///< live bytes of `new` that the step's state added
  std::optional<std::size_t> library;  ///< of them, working memory of a library's products
  std::size_t peak_rss;                ///< growth of the process's peak resident size
};

/// Builds the encoding and its parameters, gradients and AdamW moments, and runs forward, backward
/// and one AdamW step over `options.max_length` positions. Call once per process: a second run
/// finds pages already there.
MeasuredBytes measure_training_state(const std::string& encoding, const EncodingOptions& options);

}  // namespace posbench
