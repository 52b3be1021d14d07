// The sinusoid of Vaswani et al. 2017 (§3.5): what it is, to high precision, and the ways to make
// it fast.
//
// Row t holds sin(t ω_i) and cos(t ω_i), i = 0 … d/2 − 1; d is even. Two conventions are in use,
// and they are different functions, not two layouts of one:
//   interleaved    sin in columns 0, 2, 4 …, cos in 1, 3, 5 …; ω_i = 10000^(−2i/d)       (the
//   paper) tensor2tensor  sin in columns 0 … d/2 − 1, cos in the rest; ω_i = 10000^(−i/(d/2 − 1))
//   (tensor2tensor, fairseq)
// so that only the second one's last wavelength is exactly 10000 · 2π.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/lookup.h"

namespace posbench {

enum class Convention { kInterleaved, kTensor2tensor };

/// Throws UserError for an unknown name, naming the nearest.
Convention convention_from_name(std::string_view name);

struct Sinusoid {
  Convention convention;
  std::size_t hidden;  ///< d, even
  std::size_t pairs() const { return hidden / 2; }
};

/// Throws UserError where d is odd or 0: a sine would have no cosine.
Sinusoid make_sinusoid(Convention convention, std::size_t hidden);

/// ω_i for i = 0 … d/2 − 1.
std::vector<long double> sinusoid_frequencies(Sinusoid sinusoid);

/// Row t (d) in 64-bit significands, rounded to f64: what every producer is compared with. The
/// angle's error is below 1e-13 at t = 10^6. Slow: some 200 ns an element.
std::vector<double> sinusoid_reference(Sinusoid sinusoid, std::int64_t t);

/// Rows first … first + rows − 1 (rows, d), computed in f64 and rounded: within half a unit in the
/// last place (3e-8) plus 2e-16 · t of the reference.
void fill_sinusoid_table(Sinusoid sinusoid, std::int64_t first, std::size_t rows, float* out);
void fill_sinusoid_table(Sinusoid sinusoid, std::int64_t first, std::size_t rows, double* out);

/// A way to compute rows when they are needed. Positions up to 2^24 are exact in f32; accuracy is
/// declared, and tested, up to 10^6.
struct SinusoidProducer {
  std::string_view name;
  std::string_view about;
  /// What it keeps between calls, as one run of floats; empty for libm_pow.
  std::vector<float> (*constants)(Sinusoid sinusoid);
  /// Writes rows first … first + rows − 1 to out (rows, d).
  void (*rows)(Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
               float* out);
  /// The largest absolute error that it allows itself at position t.
  double (*tolerance)(std::int64_t t);
};

/// libm_pow, libm, vector_library, simd, recurrence.
std::span<const SinusoidProducer* const> sinusoid_producers();

/// Throws UserError for an unknown name, naming the nearest.
const SinusoidProducer& sinusoid_producer(std::string_view name);

/// Rows after which the recurrence starts afresh, counted from the first row of a call.
inline constexpr std::size_t kRecurrencePeriod = 32;

/// Rows that add_sinusoid makes at a time. For one batch element one period of the recurrence,
/// which stays in L1 or L2 (16 KiB at d = 128, 96 KiB at d = 768). For many, as many periods as 256
/// KiB hold, so that the walk through each element's x and y is long enough for the memory system
/// to see where it goes.
std::size_t sinusoid_block_rows(BatchShape shape);

/// y (B, L, d) = x + rows first … first + L − 1, computed block by block into `scratch`
/// (sinusoid_block_rows(shape), d) and added to every batch element. y may be x.
void add_sinusoid(const SinusoidProducer& producer, Sinusoid sinusoid, const float* constants,
                  const float* x, BatchShape shape, std::int64_t first, float* scratch, float* y);

}  // namespace posbench
