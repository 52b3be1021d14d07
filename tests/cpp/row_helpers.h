// What the tests of the row kernels share: numbers, shapes, and the f64 they are held against.
//
// The bounds in those tests are the usual ones of rounding analysis: a sum of n products errs by at
// most about n·u times the sum of their magnitudes, whatever the order; a chain of k operations
// adds k·u. They are loose for long sums, but a wrong formula misses them by orders of magnitude.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/random.h"
#include "every_target.h"
#include "kernel/sum.h"

namespace posbench {

inline constexpr double kU = 0x1p-24;     // f32 rounds by at most this share of a number
inline constexpr double kUBf16 = 0x1p-8;  // and bf16 by this

using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Bf16s = std::vector<Bf16>;

inline double wide(float value) { return static_cast<double>(value); }
inline double wide(Bf16 value) { return static_cast<double>(to_float(value)); }

template <class T>
Doubles widened(const std::vector<T>& values) {
  Doubles result;
  for (const T value : values) result.push_back(wide(value));
  return result;
}

inline Bf16s narrowed(const Floats& values) {
  Bf16s result;
  for (const float value : values) result.push_back(to_bf16(value));
  return result;
}

/// As f32, or rounded to bf16.
template <class T>
std::vector<T> made_of(const Floats& values) {
  if constexpr (std::is_same_v<T, Bf16>) {
    return narrowed(values);
  } else {
    return values;
  }
}

inline std::vector<std::uint16_t> bits(const Bf16s& values) {
  std::vector<std::uint16_t> result;
  for (const Bf16 value : values) result.push_back(value.bits);
  return result;
}

inline Floats random_floats(std::size_t n, std::string_view purpose) {
  Random random(11, purpose);
  Floats values(n);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

inline Doubles random_doubles(std::size_t n, std::string_view purpose) {
  Random random(11, purpose);
  Doubles values(n);
  for (double& value : values) value = random.normal();
  return values;
}

/// In [low, high).
inline Floats uniform_floats(std::size_t n, std::string_view purpose, double low, double high) {
  Random random(11, purpose);
  Floats values(n);
  for (float& value : values) value = static_cast<float>(low + (high - low) * random.uniform());
  return values;
}

/// Every partial vector of every width (the widest has 16 lanes, and loops may be unrolled by
/// four), then sizes of real models and one beyond a block of sum_of_squares.
inline std::vector<std::size_t> row_sizes() {
  std::vector<std::size_t> all(70);
  std::iota(all.begin(), all.end(), 1);
  for (const std::size_t more : {127, 128, 129, 768, 1000, 5000}) all.push_back(more);
  return all;
}

/// Calls body(rows, width) on every target, for every width with one row, and with more than are
/// worked on together.
template <class Body>
void for_every_shape(Body body) {
  on_every_target([&] {
    for (const std::size_t width : row_sizes()) {
      for (const std::size_t rows : {std::size_t{1}, std::size_t{6}}) {
        SCOPED_TRACE(testing::Message() << rows << " rows of " << width);
        body(rows, width);
        if (testing::Test::HasFailure()) return;  // one message is enough
      }
    }
  });
}

/// dL/dx_i by central differences of loss(), which reads x.
template <class Loss>
double slope_by_differences(double& x, Loss loss) {
  const double at = x, step = 1e-5;
  x = at + step;
  const double above = loss();
  x = at - step;
  const double below = loss();
  x = at;
  return (above - below) / (2 * step);
}

}  // namespace posbench
