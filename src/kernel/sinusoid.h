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

#include "kernel/sum.h"

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

/// The largest absolute error that a table in f32 allows itself up to t = 10^6.
inline constexpr double kTableTolerance = 3.1e-8;

/// Positions that every producer can compute: below, f32 holds each exactly, and the polynomials'
/// trick of rounding by addition works.
inline constexpr std::size_t kMostPositions = std::size_t{1} << 22;

/// A way to compute rows when they are needed. Accuracy is declared, and tested, up to 10^6.
struct SinusoidProducer {
  std::string_view name;
  std::string_view about;
  /// What it keeps between calls, as one run of floats in an order that belongs to the instruction
  /// set of this process; empty for libm_pow.
  std::vector<float> (*constants)(Sinusoid sinusoid);
  /// Writes rows first … first + rows − 1 to out (rows, d).
  void (*rows)(Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
               float* out);
  /// y (B, L, d) = x + rows first … first + L − 1, the same as `rows` bit for bit where `rows`
  /// begins a multiple of kRecurrencePeriod after `first`.
  void (*add)(Sinusoid sinusoid, const float* constants, std::int64_t first, const Sum<float>& sum,
              Store store);
  /// The same with x and y in bf16; null for the C library's scalar functions.
  void (*add_bf16)(Sinusoid sinusoid, const float* constants, std::int64_t first,
                   const Sum<Bf16>& sum, Store store);
  /// The largest absolute error that it allows itself at position t.
  double (*tolerance)(std::int64_t t);
};

/// libm_pow, libm, vector_library, simd, recurrence, recurrence_tiles.
std::span<const SinusoidProducer* const> sinusoid_producers();

/// Throws UserError for an unknown name, naming the nearest.
const SinusoidProducer& sinusoid_producer(std::string_view name);

/// Rows after which a recurrence starts afresh, counted from the first row of a call.
inline constexpr std::size_t kRecurrencePeriod = 16;

}  // namespace posbench
