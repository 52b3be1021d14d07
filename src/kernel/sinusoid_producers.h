// The producers by name, for kernel/sinusoid.cc to list. Each is defined, with its method and its
// precision, in the file of its name.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "kernel/lookup.h"
#include "kernel/sinusoid.h"

namespace posbench {

extern const SinusoidProducer kSinusoidLibmPow;          // sinusoid_libm.cc
extern const SinusoidProducer kSinusoidLibm;             // sinusoid_libm.cc
extern const SinusoidProducer kSinusoidVectorLibrary;    // sinusoid_vector_library.cc
extern const SinusoidProducer kSinusoidSimd;             // sinusoid_simd.cc
extern const SinusoidProducer kSinusoidRecurrence;       // sinusoid_recurrence.cc
extern const SinusoidProducer kSinusoidRecurrenceTiles;  // sinusoid_recurrence.cc

/// ω_i rounded to f32 (d/2).
std::vector<float> frequencies_as_floats(Sinusoid sinusoid);

/// Arrays of the vectorised producers begin at multiples of 16 floats, the widest vector, and their
/// padding holds zeros: the last, partial vector can be loaded whole.
inline std::size_t padded_pairs(Sinusoid sinusoid) { return (sinusoid.pairs() + 15) / 16 * 16; }

/// ω_i/π, in half-turns a position, as f32 high parts (padded_pairs) and then low parts
/// (padded_pairs): together 48 bits, so that the angle at t = 10^6 is right to 1e-9.
std::vector<float> split_half_turns(Sinusoid sinusoid);

/// Arrays of padded_pairs values, reordered for vectors of `lanes` values. Interleaved rows want
/// the pairs of a group of `lanes` so that interleaving the halves of every 128 bits of sines and
/// cosines gives neighbouring columns: for 8 lanes pairs 0 1 4 5 2 3 6 7. tensor2tensor: as they
/// are.
std::vector<float> in_group_order(std::span<const float> arrays, Sinusoid sinusoid,
                                  std::size_t lanes);

/// cos(steps · ω) for the columns of each block of `lanes` pairs (2 · padded_pairs), and then
/// sin(steps · ω) for columns that hold a sine, −sin(steps · ω) for columns that hold a cosine.
std::vector<float> turns_in_block_order(Sinusoid sinusoid, int steps, std::size_t lanes);

/// As many rows as 8 KiB hold, at least one: a block that stays in L1 beside x and y.
inline std::size_t block_rows(std::size_t hidden) {
  return std::max<std::size_t>(1, 2048 / hidden);
}

/// Columns of sin and cos of pair i in a row.
inline std::size_t sine_column(Sinusoid sinusoid, std::size_t i) {
  return sinusoid.convention == Convention::kInterleaved ? 2 * i : i;
}
inline std::size_t cosine_column(Sinusoid sinusoid, std::size_t i) {
  return sinusoid.convention == Convention::kInterleaved ? 2 * i + 1 : sinusoid.pairs() + i;
}

/// The error of an angle formed in one f32 product grows with the angle: 2^-24 of it from the
/// rounded frequency and as much from the rounded product, 1.2e-7 · t in all.
inline double single_angle_tolerance(std::int64_t t) {
  return 1e-6 + 1.5e-7 * static_cast<double>(t);
}

}  // namespace posbench
