// What every position kernel does to a batch: y = x + rows; and the forms in which the numbers
// stand in memory.
#pragma once

#include <hwy/base.h>

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/error.h"

namespace posbench {

/// Throws UserError where two arrays share some bytes but do not begin at the same one: the result
/// would depend on the order in which a kernel walks.
inline void require_apart(const void* one, std::size_t one_bytes, const void* other,
                          std::size_t other_bytes) {
  const auto a = reinterpret_cast<std::uintptr_t>(one);
  const auto b = reinterpret_cast<std::uintptr_t>(other);
  if (a == b || a + one_bytes <= b || b + other_bytes <= a) return;
  throw UserError(
      "input and output overlap in part; give the same address (in place) or memory of its own");
}

/// (B, L, d)
struct BatchShape {
  std::size_t batch;
  std::size_t length;
  std::size_t hidden;
  std::size_t tokens() const { return batch * length; }
  std::size_t elements() const { return batch * length * hidden; }
};

/// bfloat16: the upper half of an f32.
using Bf16 = hwy::bfloat16_t;

inline float to_float(float value) { return value; }
inline float to_float(Bf16 value) { return std::bit_cast<float>(std::uint32_t{value.bits} << 16); }

/// Rounds to nearest, ties to even; a NaN stays one.
inline Bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const bool is_nan = value != value;
  const std::uint32_t rounded = is_nan ? bits | 0x0040'0000u : bits + 0x7FFFu + ((bits >> 16) & 1u);
  return Bf16{static_cast<std::uint16_t>(rounded >> 16)};
}

/// How results go to memory. Non-temporal stores go past the caches: they save reading the line
/// that is overwritten, and the next reader finds it in memory. They need whole cache lines: where
/// y or its rows are not multiples of 64 bytes, plain stores are used instead.
enum class Store { kPlain, kNonTemporal };

/// y = x + rows for a batch. x and y are (B, L, d) with rows of one batch element one after the
/// other and elements `stride` values apart: a share of the positions of a larger batch is a Sum
/// too. y may be x (in place), but must not overlap it otherwise. Nothing need be aligned.
template <class T>
struct Sum {
  const T* x;
  T* y;
  BatchShape shape;
  std::size_t stride;

  /// Throws UserError where x and y overlap in part.
  Sum(const T* from, T* to, BatchShape whole)
      : x(from), y(to), shape(whole), stride(whole.length * whole.hidden) {
    const std::size_t bytes = shape.elements() * sizeof(T);
    require_apart(x, bytes, y, bytes);
  }

  /// The same for `length` positions from `first` on.
  Sum positions(std::size_t first, std::size_t length) const {
    Sum part = *this;
    part.x += first * shape.hidden;
    part.y += first * shape.hidden;
    part.shape.length = length;
    return part;
  }
  /// The same for batch elements `first` … `first + count − 1`.
  Sum elements(std::size_t first, std::size_t count) const {
    Sum part = *this;
    part.x += first * stride;
    part.y += first * stride;
    part.shape.batch = count;
    return part;
  }
};

}  // namespace posbench
