// Rotation as plain loops: the reference of the fast ones and the f64 path of gradient checks.
#pragma once

#include "kernel/rotation.h"

namespace posbench::scalar {

inline double widened(double x) { return x; }
inline float widened(float x) { return x; }
inline float widened(Bf16 x) { return to_float(x); }
inline void store(double x, double* to) { *to = x; }
inline void store(float x, float* to) { *to = x; }
inline void store(float x, Bf16* to) { *to = to_bf16(x); }

/// Turns one head's vector by the angles of `position`, backwards where `direction` is −1.
template <class Real, class Stored>
void turn(const Rotation<Real>& rotation, std::int32_t position, Real direction, Stored* head) {
  const std::size_t planes = rotation.rotated / 2;
  const std::size_t row = static_cast<std::size_t>(position) * planes;
  for (std::size_t i = 0; i < planes; ++i) {
    Stored* first = head + (rotation.pairs ? 2 * i : i);
    Stored* second = rotation.pairs ? first + 1 : first + planes;
    const Real cosine = rotation.cosines[row + i], sine = direction * rotation.sines[row + i];
    const Real a = widened(*first), b = widened(*second);
    store(a * cosine - b * sine, first);
    store(a * sine + b * cosine, second);
  }
}

/// Rows of qkv (T, 3d) plus their bias (null: none), the heads of Q and K turned.
template <class Real, class Stored>
void turn_rows(const Rotation<Real>& rotation, std::span<const std::int32_t> positions,
               std::size_t d, std::size_t size, Real direction, const Real* bias, Stored* qkv) {
  for (std::size_t t = 0; t < positions.size(); ++t) {
    Stored* row = qkv + t * 3 * d;
    for (std::size_t i = 0; bias != nullptr && i < 3 * d; ++i) {
      store(widened(row[i]) + bias[i], row + i);
    }
    for (std::size_t head = 0; head < 2 * d; head += size) {
      turn(rotation, positions[t], direction, row + head);
    }
  }
}

}  // namespace posbench::scalar
