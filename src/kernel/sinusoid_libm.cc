// Two producers by the C library's scalar functions, in f32 throughout.
//
// libm_pow, as naive code writes the paper's formula: a power and a sine for every element of every
// row. libm, with the frequencies computed beforehand: one product and one sine or cosine an
// element. Precision: an f32 angle, so the error grows with t (single_angle_tolerance): 1e-4 at t =
// 2048, 0.1 at 10^6. Bytes: libm reads 4 for each pair of columns; libm_pow reads none.
#include <algorithm>
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

// Rows are made once for the whole batch, a block at a time, and then added: what a loop over a
// library function can do.
template <auto kRows>
void add_blocks(Sinusoid sinusoid, const float* constants, std::int64_t first,
                const Sum<float>& sum, Store store) {
  const std::size_t most = block_rows(sinusoid.hidden);
  thread_local std::vector<float> block;
  block.resize(most * sinusoid.hidden);
  for (std::size_t row = 0; row < sum.shape.length; row += most) {
    const std::size_t rows = std::min(most, sum.shape.length - row);
    kRows(sinusoid, constants, first + static_cast<std::int64_t>(row), rows, block.data());
    add_rows(sum.positions(row, rows), block.data(), Walk::kTiles, store);
  }
}

}  // namespace

const SinusoidProducer kSinusoidLibmPow = {
    .name = "libm_pow",
    .about = "std::sin and std::pow for every element, as naive code writes it",
    .constants = [](Sinusoid) { return std::vector<float>(); },
    .rows = libm_pow_rows,
    .add = add_blocks<libm_pow_rows>,
    .add_bf16 = nullptr,
    .tolerance = single_angle_tolerance};

const SinusoidProducer kSinusoidLibm = {
    .name = "libm",
    .about = "std::sin and std::cos for every element, frequencies kept",
    .constants = frequencies_as_floats,
    .rows = libm_rows,
    .add = add_blocks<libm_rows>,
    .add_bf16 = nullptr,
    .tolerance = single_angle_tolerance};

}  // namespace posbench
