#include "kernel/rotation.h"

#include <fmt/format.h>

#include "base/error.h"
#include "kernel/rotation_scalar.h"

namespace posbench {
namespace {

void require_inside(std::span<const std::int32_t> positions, std::size_t rows) {
  for (const std::int32_t position : positions) {
    if (position < 0 || static_cast<std::size_t>(position) >= rows) {
      throw UserError(
          fmt::format("position {} is outside the rotation's table of {} rows; give it more rows",
                      position, rows));
    }
  }
}

template <class Real, class Stored>
void turn_rows(const Rotation<Real>& rotation, std::span<const std::int32_t> positions, int hidden,
               int heads, Real direction, Stored* qkv) {
  require_inside(positions, rotation.rows);
  const auto d = static_cast<std::size_t>(hidden), size = d / static_cast<std::size_t>(heads);
  for (std::size_t t = 0; t < positions.size(); ++t) {
    for (std::size_t column = 0; column < 2 * d; column += size) {
      scalar::turn(rotation, positions[t], direction, qkv + t * 3 * d + column);
    }
  }
}

template <class Real, class Stored>
void forward(const Rotation<Real>& rotation, std::span<const std::int32_t> positions, int hidden,
             int heads, const Real* qkv_bias, Stored* qkv) {
  const auto width = 3 * static_cast<std::size_t>(hidden);
  for (std::size_t i = 0; qkv_bias != nullptr && i < positions.size() * width; ++i) {
    scalar::store(scalar::widened(qkv[i]) + qkv_bias[i % width], qkv + i);
  }
  turn_rows(rotation, positions, hidden, heads, Real{1}, qkv);
}

template <class Real, class Stored>
void backward(const Rotation<Real>& rotation, std::span<const std::int32_t> positions, int hidden,
              int heads, Stored* dqkv, Real* dqkv_bias) {
  turn_rows(rotation, positions, hidden, heads, Real{-1}, dqkv);
  const auto width = 3 * static_cast<std::size_t>(hidden);
  for (std::size_t i = 0; dqkv_bias != nullptr && i < positions.size() * width; ++i) {
    dqkv_bias[i % width] += scalar::widened(dqkv[i]);
  }
}

}  // namespace

void rotate(const Rotation<float>& rotation, std::span<const std::int32_t> positions, int hidden,
            int heads, const float* qkv_bias, float* qkv) {
  forward(rotation, positions, hidden, heads, qkv_bias, qkv);
}
void rotate(const Rotation<float>& rotation, std::span<const std::int32_t> positions, int hidden,
            int heads, const float* qkv_bias, Bf16* qkv) {
  forward(rotation, positions, hidden, heads, qkv_bias, qkv);
}
void rotate(const Rotation<double>& rotation, std::span<const std::int32_t> positions, int hidden,
            int heads, const double* qkv_bias, double* qkv) {
  forward(rotation, positions, hidden, heads, qkv_bias, qkv);
}

void rotate_backward(const Rotation<float>& rotation, std::span<const std::int32_t> positions,
                     int hidden, int heads, float* dqkv, float* dqkv_bias) {
  backward(rotation, positions, hidden, heads, dqkv, dqkv_bias);
}
void rotate_backward(const Rotation<float>& rotation, std::span<const std::int32_t> positions,
                     int hidden, int heads, Bf16* dqkv, float* dqkv_bias) {
  backward(rotation, positions, hidden, heads, dqkv, dqkv_bias);
}
void rotate_backward(const Rotation<double>& rotation, std::span<const std::int32_t> positions,
                     int hidden, int heads, double* dqkv, double* dqkv_bias) {
  backward(rotation, positions, hidden, heads, dqkv, dqkv_bias);
}

}  // namespace posbench
