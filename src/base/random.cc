#include "base/random.h"

#include <cmath>
#include <numbers>

namespace posbench {

Random::Random(std::uint64_t seed, std::string_view purpose) {
  // FNV-1a spreads the name; one step of the generator then separates neighbouring seeds.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  state_ = hash + seed * 0x9e3779b97f4a7c15;
  state_ = next();
}

std::uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

std::uint64_t Random::below(std::uint64_t bound) {
  const std::uint64_t rest = -bound % bound;
  std::uint64_t draw = next();
  while (draw < rest) draw = next();
  return draw % bound;
}

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

double Random::truncated_normal() {
  double draw = normal();
  while (std::abs(draw) > 2.0) draw = normal();
  return draw;
}

}  // namespace posbench
