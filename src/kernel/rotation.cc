#include "kernel/rotation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "kernel/rotation_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/rotation.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// Of a head's planes in neighbouring columns, so many at a time.
[[maybe_unused]] constexpr std::size_t kPlanes = 128;

// x (n) = x + bias, where there is a bias.
template <class Stored>
void AddBias(const float* bias, std::size_t n, Stored* x) {
  if (bias == nullptr) return;
  for_each_vector(n, [&](std::size_t, auto load, auto store)
                         HWY_ATTR { store(hn::Add(load(x), load(bias)), x); });
}

#if HWY_TARGET == HWY_SCALAR
// Planes of columns (2i, 2i + 1): a vector of one lane has no neighbours.
template <class Stored>
void TurnPairs(const Rotation<float>& rotation, std::size_t at, std::size_t d, std::size_t size,
               float direction, const float* bias, Stored* row) {
  for (std::size_t head = 0; head < 2 * d; head += size) {
    for (std::size_t i = 0; i < rotation.rotated / 2; ++i) {
      const std::size_t first = head + 2 * i;
      float a = scalar::widened(row[first]), b = scalar::widened(row[first + 1]);
      if (bias != nullptr) {
        a += bias[first];
        b += bias[first + 1];
      }
      const float cosine = rotation.cosines[at + i], sine = direction * rotation.sines[at + i];
      scalar::store(a * cosine - b * sine, row + first);
      scalar::store(a * sine + b * cosine, row + first + 1);
    }
  }
}
#else
// Planes of columns (2i, 2i + 1) of each head of a row: x · cos + partner · ±sin, the factors of
// both columns laid out as the columns are, once for all heads.
template <class Stored>
void TurnPairs(const Rotation<float>& rotation, std::size_t at, std::size_t d, std::size_t size,
               float direction, const float* bias, Stored* row) {
  HWY_ALIGN float cosines[2 * kPlanes], sines[2 * kPlanes];
  const std::size_t planes = rotation.rotated / 2;
  for (std::size_t begin = 0; begin < planes; begin += kPlanes) {
    const std::size_t count = std::min(kPlanes, planes - begin);
    for (std::size_t i = 0; i < count; ++i) {
      cosines[2 * i] = cosines[2 * i + 1] = rotation.cosines[at + begin + i];
      sines[2 * i + 1] = direction * rotation.sines[at + begin + i];
      sines[2 * i] = -sines[2 * i + 1];
    }
    for (std::size_t head = 0; head < 2 * d; head += size) {
      Stored* x = row + head + 2 * begin;
      for_each_vector(2 * count, [&](std::size_t, auto load, auto store) HWY_ATTR {
        V v = load(x);
        if (bias != nullptr) v = hn::Add(v, load(bias + head + 2 * begin));
        const V partner = hn::Reverse2(D(), v);
        store(hn::MulAdd(partner, load(sines), hn::Mul(v, load(cosines))), x);
      });
    }
  }
}
#endif

// Planes of columns (i, rotated / 2 + i).
template <class Stored>
void TurnHalves(const Rotation<float>& rotation, std::size_t at, std::size_t d, std::size_t size,
                float direction, const float* bias, Stored* row) {
  const std::size_t planes = rotation.rotated / 2;
  const V sign = hn::Set(D(), direction);
  for (std::size_t head = 0; head < 2 * d; head += size) {
    Stored *first = row + head, *second = first + planes;
    for_each_vector(planes, [&](std::size_t, auto load, auto store) HWY_ATTR {
      V a = load(first), b = load(second);
      if (bias != nullptr) {
        a = hn::Add(a, load(bias + head));
        b = hn::Add(b, load(bias + head + planes));
      }
      const V cosine = load(rotation.cosines + at);
      const V sine = hn::Mul(sign, load(rotation.sines + at));
      store(hn::NegMulAdd(b, sine, hn::Mul(a, cosine)), first);
      store(hn::MulAdd(a, sine, hn::Mul(b, cosine)), second);
    });
  }
}

// Rows of qkv (T, 3d) plus their bias, Q and K turned.
template <class Stored>
void Turn(const Rotation<float>& rotation, std::span<const std::int32_t> positions, std::size_t d,
          std::size_t size, float direction, const float* bias, Stored* qkv) {
  for (std::size_t t = 0; t < positions.size(); ++t) {
    Stored* row = qkv + t * 3 * d;
    const std::size_t at = static_cast<std::size_t>(positions[t]) * (rotation.rotated / 2);
    if (rotation.pairs) {
      TurnPairs(rotation, at, d, size, direction, bias, row);
    } else {
      TurnHalves(rotation, at, d, size, direction, bias, row);
    }
    if (bias == nullptr) continue;
    for (std::size_t rest = rotation.rotated; rest < 2 * d; rest += size) {
      AddBias(bias + rest, size - rotation.rotated, row + rest);
    }
    AddBias(bias + 2 * d, d, row + 2 * d);
  }
}

// sums (n) += the rows of x (rows, n).
template <class Stored>
void SumRows(const Stored* x, std::size_t rows, std::size_t n, float* sums) {
  for (std::size_t row = 0; row < rows; ++row) {
    for_each_vector(n, [&](std::size_t, auto load, auto store)
                           HWY_ATTR { store(hn::Add(load(sums), load(x + row * n)), sums); });
  }
}

// The names that HWY_EXPORT needs.
void TurnF32(const Rotation<float>& rotation, std::span<const std::int32_t> positions,
             std::size_t d, std::size_t size, float direction, const float* bias, float* qkv) {
  Turn(rotation, positions, d, size, direction, bias, qkv);
}
void TurnBf16(const Rotation<float>& rotation, std::span<const std::int32_t> positions,
              std::size_t d, std::size_t size, float direction, const float* bias, Bf16* qkv) {
  Turn(rotation, positions, d, size, direction, bias, qkv);
}
void SumRowsF32(const float* x, std::size_t rows, std::size_t n, float* sums) {
  SumRows(x, rows, n, sums);
}
void SumRowsBf16(const Bf16* x, std::size_t rows, std::size_t n, float* sums) {
  SumRows(x, rows, n, sums);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
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

HWY_EXPORT(TurnF32);
HWY_EXPORT(TurnBf16);
HWY_EXPORT(SumRowsF32);
HWY_EXPORT(SumRowsBf16);

void turn(const Rotation<float>& rotation, std::span<const std::int32_t> positions, std::size_t d,
          std::size_t size, float direction, const float* bias, float* qkv) {
  HWY_DYNAMIC_DISPATCH(TurnF32)(rotation, positions, d, size, direction, bias, qkv);
}
void turn(const Rotation<float>& rotation, std::span<const std::int32_t> positions, std::size_t d,
          std::size_t size, float direction, const float* bias, Bf16* qkv) {
  HWY_DYNAMIC_DISPATCH(TurnBf16)(rotation, positions, d, size, direction, bias, qkv);
}
void turn(const Rotation<double>& rotation, std::span<const std::int32_t> positions, std::size_t d,
          std::size_t size, double direction, const double* bias, double* qkv) {
  scalar::turn_rows(rotation, positions, d, size, direction, bias, qkv);
}
void sum_rows(const float* x, std::size_t rows, std::size_t n, float* sums) {
  HWY_DYNAMIC_DISPATCH(SumRowsF32)(x, rows, n, sums);
}
void sum_rows(const Bf16* x, std::size_t rows, std::size_t n, float* sums) {
  HWY_DYNAMIC_DISPATCH(SumRowsBf16)(x, rows, n, sums);
}
void sum_rows(const double* x, std::size_t rows, std::size_t n, double* sums) {
  for (std::size_t i = 0; i < rows * n; ++i) sums[i % n] += x[i];
}

template <class Real, class Stored>
void forward(const Rotation<Real>& rotation, std::span<const std::int32_t> positions, int hidden,
             int heads, const Real* qkv_bias, Stored* qkv) {
  require_inside(positions, rotation.rows);
  const auto d = static_cast<std::size_t>(hidden), size = d / static_cast<std::size_t>(heads);
  turn(rotation, positions, d, size, Real{1}, qkv_bias, qkv);
}

template <class Real, class Stored>
void backward(const Rotation<Real>& rotation, std::span<const std::int32_t> positions, int hidden,
              int heads, Stored* dqkv, Real* dqkv_bias) {
  require_inside(positions, rotation.rows);
  const auto d = static_cast<std::size_t>(hidden), size = d / static_cast<std::size_t>(heads);
  turn(rotation, positions, d, size, Real{-1}, static_cast<const Real*>(nullptr), dqkv);
  if (dqkv_bias != nullptr) sum_rows(dqkv, positions.size(), 3 * d, dqkv_bias);
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
#endif  // HWY_ONCE
