// An encoder's trained values as one file: a line of text for each part, then the numbers.
#pragma once

#include <string>
#include <vector>

#include "base/buffer.h"
#include "encoder/parameters.h"

namespace posbench {

/// The bytes of a weights file: "name rows columns\n" for each part, an empty line, then the parts'
/// values as little-endian f32 in that order.
std::string pack_weights(const ParameterLayout& layout, const Buffer<float>& parameters);

/// Copies every part of `bytes` that `layout` has under the same name and shape into `parameters`;
/// parts that differ (a head for other classes) keep their initial values. Returns the names
/// copied. Throws UserError for bytes that are not a whole weights file.
std::vector<std::string> unpack_weights(const std::string& bytes, const ParameterLayout& layout,
                                        Buffer<float>& parameters);

}  // namespace posbench
