// What an arm of encoder_cost is made of, read from its name.
#pragma once

#include <string>

#include "encoder/encoder.h"

namespace posbench {

/// One line of --help.
constexpr auto kArmsHelp =
    "arms to pair: [SYSTEM/]ENCODING[:CONVENTION] (posbench list systems, encodings), or with a "
    "way to make the sinusoid: sinusoid_table, _libm, _simd, _recurrence; learned_again: the same "
    "twice";

/// Gives `options` the arm's system, encoding, convention and producer: "rope",
/// "rope:halves", "gpt/learned", "sinusoid_libm". Without a system it is the plain encoder. Throws
/// UserError for an unknown name, naming the nearest.
void choose_arm(const std::string& name, EncoderOptions& options);

}  // namespace posbench
