// The way of a head's rows into scratch and back, compiled once per instruction set (Highway's
// -inl.h idiom). In scratch they are f32, or bf16 in pairs, and padded to whole vectors, so that no
// loop behind has a tail.
#include <algorithm>

#include "kernel/attention_head.h"

#if defined(POSBENCH_ATTENTION_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_ATTENTION_PACK_INL_H_
#undef POSBENCH_ATTENTION_PACK_INL_H_
#else
#define POSBENCH_ATTENTION_PACK_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using attention_detail::Window;

// to (rows, width) = (from + bias) · scale; bias (columns) may be null. The last vector of a row is
// filled up with zeros.
template <class Stored>
HWY_INLINE void PackRows(const Window<const Stored>& from, const float* bias, float scale,
                         float* to, std::size_t width) {
  const D d;
  const V factor = hn::Set(d, scale);
  for (std::size_t r = 0; r < from.rows; ++r) {
    const Stored* row = from.data + r * from.stride;
    for_each_vector(from.columns, [&](std::size_t i, auto load, auto) HWY_ATTR {
      const V shift = bias == nullptr ? hn::Zero(d) : load(bias);
      hn::StoreU(hn::Mul(hn::Add(load(row), shift), factor), d, to + r * width + i);
    });
  }
}

// The same without a bias, each row with a scale of its own.
template <class Stored>
HWY_INLINE void PackRows(const Window<const Stored>& from, const float* scales, float* to,
                         std::size_t width) {
  const D d;
  for (std::size_t r = 0; r < from.rows; ++r) {
    const Stored* row = from.data + r * from.stride;
    const V factor = hn::Set(d, scales[r]);
    for_each_vector(from.columns, [&](std::size_t i, auto load, auto) HWY_ATTR {
      hn::StoreU(hn::Mul(load(row), factor), d, to + r * width + i);
    });
  }
}

#if HWY_TARGET == HWY_AVX3
// Words of two bf16: each lane of `first` and, above it, of `second`.
HWY_INLINE V Interleave(hn::Vec<hn::Rebind<std::uint16_t, D>> first,
                        hn::Vec<hn::Rebind<std::uint16_t, D>> second) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(
      D(), hn::Or(hn::PromoteTo(du, first), hn::ShiftLeft<16>(hn::PromoteTo(du, second))));
}

// (from + bias) · scale · scales by row, rounded to bf16: to `rows` (rows, width), where neighbours
// of a row form a word, and to `pairs` (rows / 2, width words), where those of a column do. Bias,
// scales, and what is not wanted may be null. A missing last row counts as zeros.
template <class Stored>
HWY_INLINE void PackPairs(const Window<const Stored>& from, const float* bias, float scale,
                          const float* scales, Bf16* rows, float* pairs, std::size_t width) {
  const D d;
  const hn::Rebind<std::uint16_t, D> narrow;
  for (std::size_t r = 0; r < from.rows; r += 2) {
    const bool two = r + 1 < from.rows;
    const Stored* row = from.data + r * from.stride;
    const V factor0 = hn::Set(d, scales == nullptr ? scale : scale * scales[r]);
    const V factor1 = !two                ? hn::Zero(d)
                      : scales == nullptr ? factor0
                                          : hn::Set(d, scale * scales[r + 1]);
    for_each_vector(from.columns, [&](std::size_t i, auto load, auto) HWY_ATTR {
      const V shift = bias == nullptr ? hn::Zero(d) : load(bias);
      const auto first = RoundInOne(hn::Mul(hn::Add(load(row), shift), factor0));
      auto second = hn::Zero(narrow);
      if (two) second = RoundInOne(hn::Mul(hn::Add(load(row + from.stride), shift), factor1));
      if (rows != nullptr) {
        SaveBits<Store::kPlain>(first, rows + r * width + i);
        if (two) SaveBits<Store::kPlain>(second, rows + (r + 1) * width + i);
      }
      if (pairs != nullptr) hn::StoreU(Interleave(first, second), d, pairs + r / 2 * width + i);
    });
  }
}
#endif

// to (rows, width numbers) = (from + bias) · scale, a word of which holds neighbours of a row; bias
// (columns) may be null.
template <class Word, class Stored>
HWY_INLINE void PackWords(const Window<const Stored>& from, const float* bias, float scale,
                          float* to, std::size_t width) {
  if constexpr (Word::kDepth == 1) {
    PackRows(from, bias, scale, to, width);
  } else {
    PackPairs(from, bias, scale, nullptr, reinterpret_cast<Bf16*>(to), nullptr, width);
  }
}

// Zeros behind the last of n rows, up to a whole vector of rows.
HWY_INLINE void PadRows(float* rows, std::size_t n, std::size_t width) {
  const std::size_t lanes = hn::Lanes(D());
  std::fill(rows + n * width, rows + (n + lanes - 1) / lanes * lanes * width, 0.0f);
}

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void Transpose(const float* from, std::size_t width, std::size_t rows,
                          std::size_t columns, float* to, std::size_t to_stride) {
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) to[c * to_stride + r] = from[r * width + c];
  }
}
#else
// Four columns of row `from`, then those of each fourth row behind it, until the vector is full.
HWY_INLINE V LoadFourColumns(const float* from, std::size_t width) {
  const D d;
  constexpr std::size_t kBlocks = hn::MaxLanes(D()) / 4;
  V all = hn::LoadDup128(d, from + (kBlocks - 1) * 4 * width);
  for (std::size_t block = kBlocks - 1; block-- > 0;) {
    all = hn::IfThenElse(hn::FirstN(d, 4 * (block + 1)),
                         hn::LoadDup128(d, from + block * 4 * width), all);
  }
  return all;
}

// to (columns, rows) from `from` (rows, columns), both in whole vectors.
HWY_INLINE void Transpose(const float* from, std::size_t width, std::size_t rows,
                          std::size_t columns, float* to, std::size_t to_stride) {
  const D d;
  const hn::RepartitionToWide<D> dw;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t c = 0; c < columns; c += 4) {
    for (std::size_t r = 0; r < rows; r += lanes) {
      const float* block = from + r * width + c;
      const V row0 = LoadFourColumns(block, width);
      const V row1 = LoadFourColumns(block + width, width);
      const V row2 = LoadFourColumns(block + 2 * width, width);
      const V row3 = LoadFourColumns(block + 3 * width, width);
      // In each 128-bit block: pairs of two rows, then pairs of pairs.
      const auto low01 = hn::BitCast(dw, hn::InterleaveLower(d, row0, row1));
      const auto low23 = hn::BitCast(dw, hn::InterleaveLower(d, row2, row3));
      const auto high01 = hn::BitCast(dw, hn::InterleaveUpper(d, row0, row1));
      const auto high23 = hn::BitCast(dw, hn::InterleaveUpper(d, row2, row3));
      float* column = to + c * to_stride + r;
      const auto save = [&](auto v, std::size_t i)
                            HWY_ATTR { hn::StoreU(hn::BitCast(d, v), d, column + i * to_stride); };
      save(hn::InterleaveLower(dw, low01, low23), 0);
      save(hn::InterleaveUpper(dw, low01, low23), 1);
      save(hn::InterleaveLower(dw, high01, high23), 2);
      save(hn::InterleaveUpper(dw, high01, high23), 3);
    }
  }
}
#endif

// to = from · scale by row, where each row of `from` has its scale.
template <class Stored>
HWY_INLINE void UnpackRows(const float* from, std::size_t width, const float* scales,
                           const Window<Stored>& to) {
  const D d;
  for (std::size_t r = 0; r < to.rows; ++r) {
    const V factor = hn::Set(d, scales[r]);
    Stored* row = to.data + r * to.stride;
    for_each_vector(to.columns, [&](std::size_t i, auto, auto store) HWY_ATTR {
      store(hn::Mul(hn::LoadU(d, from + r * width + i), factor), row);
    });
  }
}

// Some whole vectors of each row, side by side: to = from, sums += the column sums unless null.
template <std::size_t kVectors, class Stored>
HWY_INLINE void UnpackVectors(const float* from, std::size_t width, std::size_t rows, Stored* to,
                              std::size_t stride, float* sums) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V totals[kVectors];
  for (V& total : totals) total = hn::Zero(d);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const V value = hn::LoadU(d, from + r * width + v * lanes);
      totals[v] = hn::Add(totals[v], value);
      Save<Store::kPlain>(value, to + r * stride + v * lanes);
    }
  }
  if (sums == nullptr) return;
  for (std::size_t v = 0; v < kVectors; ++v) {
    hn::StoreU(hn::Add(Load(sums + v * lanes), totals[v]), d, sums + v * lanes);
  }
}

// to = from; sums (columns) += its column sums, unless null. Up to four vectors at a time, so that
// the sums stay in registers and a row's cache lines are written together.
template <class Stored>
HWY_INLINE void UnpackGradient(const float* from, std::size_t width, const Window<Stored>& to,
                               float* sums) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const auto shifted = [](float* pointer, std::size_t by) {
    return pointer == nullptr ? nullptr : pointer + by;
  };
  std::size_t i = 0;
  for (; i + 4 * lanes <= to.columns; i += 4 * lanes) {
    UnpackVectors<4>(from + i, width, to.rows, to.data + i, to.stride, shifted(sums, i));
  }
  for (; i + 2 * lanes <= to.columns; i += 2 * lanes) {
    UnpackVectors<2>(from + i, width, to.rows, to.data + i, to.stride, shifted(sums, i));
  }
  for_each_vector(to.columns - i, [&](std::size_t v, auto load, auto store) HWY_ATTR {
    V total = hn::Zero(d);
    for (std::size_t r = 0; r < to.rows; ++r) {
      const V value = hn::LoadU(d, from + r * width + i + v);
      total = hn::Add(total, value);
      store(value, to.data + r * to.stride + i);
    }
    if (sums != nullptr) store(hn::Add(load(sums + i), total), sums + i);
  });
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
