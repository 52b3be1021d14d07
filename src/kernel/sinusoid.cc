#include "kernel/sinusoid.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/nearest.h"
#include "kernel/sinusoid_producers.h"

namespace posbench {
namespace {

template <class Real>
void fill_table(Sinusoid sinusoid, std::int64_t first, std::size_t rows, Real* out) {
  const std::vector<long double> exact = sinusoid_frequencies(sinusoid);
  const std::vector<double> frequencies(exact.begin(), exact.end());
  for (std::size_t row = 0; row < rows; ++row) {
    const double t = static_cast<double>(first + static_cast<std::int64_t>(row));
    Real* to = out + row * sinusoid.hidden;
    for (std::size_t i = 0; i < sinusoid.pairs(); ++i) {
      to[sine_column(sinusoid, i)] = static_cast<Real>(std::sin(t * frequencies[i]));
      to[cosine_column(sinusoid, i)] = static_cast<Real>(std::cos(t * frequencies[i]));
    }
  }
}

}  // namespace

Convention convention_from_name(std::string_view name) {
  if (name == "interleaved") return Convention::kInterleaved;
  if (name == "tensor2tensor") return Convention::kTensor2tensor;
  throw UserError(unknown_word("sinusoid convention", name, {"interleaved", "tensor2tensor"}));
}

Sinusoid make_sinusoid(Convention convention, std::size_t hidden) {
  if (hidden == 0 || hidden % 2 != 0) {
    throw UserError(fmt::format(
        "a sinusoid needs an even hidden size, for its sines and cosines come in pairs; got {}",
        hidden));
  }
  return {convention, hidden};
}

std::vector<long double> sinusoid_frequencies(Sinusoid sinusoid) {
  const std::size_t pairs = sinusoid.pairs();
  // tensor2tensor divides by max(d/2 − 1, 1), so that d = 2 has the one frequency 1.
  const std::size_t steps =
      sinusoid.convention == Convention::kInterleaved ? pairs : std::max<std::size_t>(pairs - 1, 1);
  std::vector<long double> frequencies(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    frequencies[i] =
        std::pow(10000.0L, -static_cast<long double>(i) / static_cast<long double>(steps));
  }
  return frequencies;
}

std::vector<double> sinusoid_reference(Sinusoid sinusoid, std::int64_t t) {
  const std::vector<long double> frequencies = sinusoid_frequencies(sinusoid);
  std::vector<double> row(sinusoid.hidden);
  for (std::size_t i = 0; i < sinusoid.pairs(); ++i) {
    const long double angle = static_cast<long double>(t) * frequencies[i];
    row[sine_column(sinusoid, i)] = static_cast<double>(std::sin(angle));
    row[cosine_column(sinusoid, i)] = static_cast<double>(std::cos(angle));
  }
  return row;
}

void fill_sinusoid_table(Sinusoid sinusoid, std::int64_t first, std::size_t rows, float* out) {
  fill_table(sinusoid, first, rows, out);
}
void fill_sinusoid_table(Sinusoid sinusoid, std::int64_t first, std::size_t rows, double* out) {
  fill_table(sinusoid, first, rows, out);
}

std::vector<float> frequencies_as_floats(Sinusoid sinusoid) {
  const std::vector<long double> exact = sinusoid_frequencies(sinusoid);
  return {exact.begin(), exact.end()};
}

std::vector<float> split_half_turns(Sinusoid sinusoid) {
  const std::vector<long double> exact = sinusoid_frequencies(sinusoid);
  const std::size_t padded = padded_pairs(sinusoid);
  std::vector<float> parts(2 * padded);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const long double half_turns = exact[i] / std::numbers::pi_v<long double>;
    parts[i] = static_cast<float>(half_turns);
    parts[padded + i] = static_cast<float>(half_turns - static_cast<long double>(parts[i]));
  }
  return parts;
}

std::vector<float> in_group_order(std::span<const float> arrays, Sinusoid sinusoid,
                                  std::size_t lanes) {
  std::vector<float> ordered(arrays.begin(), arrays.end());
  if (sinusoid.convention == Convention::kTensor2tensor || lanes < 4) return ordered;
  for (std::size_t group = 0; group < ordered.size(); group += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      // Four lanes are 128 bits: the lower two go to vector a, the upper two to vector b.
      const std::size_t of_four = lane / 4;
      const std::size_t upper = lane % 4 / 2;
      ordered[group + lane] = arrays[group + upper * lanes / 2 + 2 * of_four + lane % 2];
    }
  }
  return ordered;
}

std::vector<float> turns_in_block_order(Sinusoid sinusoid, int steps, std::size_t lanes) {
  const std::size_t n = 2 * padded_pairs(sinusoid);
  std::vector<float> turns(2 * n);
  const std::vector<long double> frequencies = sinusoid_frequencies(sinusoid);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const bool in_turn = sinusoid.convention == Convention::kInterleaved && lanes >= 4;
    const std::size_t sine = in_turn ? 2 * i : i / lanes * 2 * lanes + i % lanes;
    const std::size_t cosine = in_turn ? sine + 1 : sine + lanes;
    const long double angle = frequencies[i] * static_cast<long double>(steps);
    turns[sine] = turns[cosine] = static_cast<float>(std::cos(angle));
    turns[n + sine] = static_cast<float>(std::sin(angle));
    turns[n + cosine] = -turns[n + sine];
  }
  return turns;
}

std::span<const SinusoidProducer* const> sinusoid_producers() {
  static constexpr std::array kProducers = {&kSinusoidLibmPow,       &kSinusoidLibm,
                                            &kSinusoidVectorLibrary, &kSinusoidSimd,
                                            &kSinusoidRecurrence,    &kSinusoidRecurrenceTiles};
  return kProducers;
}

const SinusoidProducer& sinusoid_producer(std::string_view name) {
  std::vector<std::string> known;
  for (const SinusoidProducer* producer : sinusoid_producers()) {
    if (producer->name == name) return *producer;
    known.emplace_back(producer->name);
  }
  throw UserError(unknown_word("sinusoid producer", name, known));
}

}  // namespace posbench
