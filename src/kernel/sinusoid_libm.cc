// Two producers by the C library's scalar functions, in f32 throughout.
//
// libm_pow, as naive code writes the paper's formula: a power and a sine for every element of every
// row. libm, with the frequencies computed beforehand: one product and one sine or cosine an
// element. Precision: an f32 angle, so the error grows with t (single_angle_tolerance): 1e-4 at t =
// 2048, 0.1 at 10^6. Bytes: libm reads 4 for each pair of columns; libm_pow reads none.
#include <cmath>

#include "kernel/sinusoid_producers.h"

namespace posbench {
namespace {

void libm_pow_rows(Sinusoid sinusoid, const float* /*constants*/, std::int64_t first,
                   std::size_t rows, float* out) {
  const bool paper = sinusoid.convention == Convention::kInterleaved;
  const std::size_t pairs = sinusoid.pairs();
  const float steps = static_cast<float>(paper || pairs == 1 ? pairs : pairs - 1);
  for (std::size_t row = 0; row < rows; ++row) {
    const float t = static_cast<float>(first + static_cast<std::int64_t>(row));
    float* to = out + row * sinusoid.hidden;
    for (std::size_t i = 0; i < pairs; ++i) {
      const float exponent = static_cast<float>(i) / steps;
      to[sine_column(sinusoid, i)] = std::sin(t / std::pow(10000.0f, exponent));
      to[cosine_column(sinusoid, i)] = std::cos(t / std::pow(10000.0f, exponent));
    }
  }
}

void libm_rows(Sinusoid sinusoid, const float* frequencies, std::int64_t first, std::size_t rows,
               float* out) {
  for (std::size_t row = 0; row < rows; ++row) {
    const float t = static_cast<float>(first + static_cast<std::int64_t>(row));
    float* to = out + row * sinusoid.hidden;
    for (std::size_t i = 0; i < sinusoid.pairs(); ++i) {
      to[sine_column(sinusoid, i)] = std::sin(t * frequencies[i]);
      to[cosine_column(sinusoid, i)] = std::cos(t * frequencies[i]);
    }
  }
}

}  // namespace

const SinusoidProducer kSinusoidLibmPow = {
    "libm_pow", "std::sin and std::pow for every element, as naive code writes it",
    [](Sinusoid) { return std::vector<float>(); }, libm_pow_rows, single_angle_tolerance};

const SinusoidProducer kSinusoidLibm = {"libm",
                                        "std::sin and std::cos for every element, frequencies kept",
                                        frequencies_as_floats, libm_rows, single_angle_tolerance};

}  // namespace posbench
