// Relative vectors inside the attention of a head, compiled once per instruction set (Highway's
// -inl.h idiom). Where the other products of attention go by key, theirs go by distance j − i: of a
// query at place i, column j − i instead of column j. From one to the other is a shift of each row,
// by its own place; distances beyond the reach share one column.
#include <algorithm>

#include "kernel/attention_scratch.h"

#if defined(POSBENCH_ATTENTION_RELATIVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_ATTENTION_RELATIVE_INL_H_
#undef POSBENCH_ATTENTION_RELATIVE_INL_H_
#else
#define POSBENCH_ATTENTION_RELATIVE_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/attention_pack-inl.h"
#include "kernel/matrix_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention_detail::Distances;
using attention_detail::HeadTerms;
using attention_detail::RelativeRows;

// The distances that a tile of queries, the first at `place`, meets among the first `keys` keys.
struct Band {
  Band(const Distances& all, std::size_t place, std::size_t tile, std::size_t keys, bool causal) {
    const auto farthest = -static_cast<std::ptrdiff_t>(place + tile - 1);
    const auto nearest = static_cast<std::ptrdiff_t>(keys - 1 - place);
    lowest = HWY_MAX(all.lowest, farthest);
    highest = HWY_MIN(all.highest, nearest);
    count = static_cast<std::size_t>(highest - lowest + 1);
    column = static_cast<std::size_t>(lowest - all.lowest);
    clips = lowest > farthest || (!causal && highest < nearest);
  }

  std::ptrdiff_t lowest, highest;
  std::size_t count;
  std::size_t column;  // of the lowest among all distances
  bool clips;          // some seen keys are outside
};

// bias + shift (size), in `sum`; where there is no shift, bias itself.
HWY_INLINE const float* Shifted(const float* bias, const float* shift, std::size_t size,
                                float* sum) {
  if (shift == nullptr) return bias;
  for (std::size_t c = 0; c < size; ++c) sum[c] = shift[c] + (bias == nullptr ? 0.0f : bias[c]);
  return sum;
}

// The rows as f32, times scale, with zeros behind them.
HWY_INLINE void PackRelativeRows(const RelativeRows& from, float scale, std::size_t packed,
                                 std::size_t width, float* to) {
  PackRows(from.rows, nullptr, scale, to, width);
  std::fill(to + from.rows.rows * width, to + packed * width, 0.0f);
}

// The rows transposed (words of the size, packed), through `rows` (packed, width).
template <class Word>
HWY_INLINE void PackRelativeColumns(const RelativeRows& from, std::size_t packed, std::size_t width,
                                    float* rows, float* to) {
  const std::size_t row_words = width / Word::kDepth;
  PackWords<Word>(from.rows, nullptr, 1.0f, rows, width);
  std::fill(rows + from.rows.rows * row_words, rows + packed * row_words, 0.0f);
  Transpose(rows, row_words, packed, WordsOf<Word>(from.rows.columns), to, packed);
}

// A row by key, for the query at `place`, from `products`, its row by distance: whole vectors, and
// less than one more.
HWY_INLINE void Spread(const float* HWY_RESTRICT products, const Band& band, std::size_t place,
                       std::size_t vectors, float* HWY_RESTRICT row) {
  const D d;
  const auto lanes = static_cast<std::ptrdiff_t>(hn::Lanes(d));
  const auto end = static_cast<std::ptrdiff_t>(vectors) * lanes;
  const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(place) + band.lowest;
  const std::ptrdiff_t past = static_cast<std::ptrdiff_t>(place) + band.highest + 1;
  const V left = hn::Set(d, products[0]), right = hn::Set(d, products[band.count - 1]);
  std::ptrdiff_t j = 0;
  for (; j < first; j += lanes) hn::StoreU(left, d, row + j);
  for (j = HWY_MAX(first, std::ptrdiff_t{0}); j < HWY_MIN(past, end); j += lanes) {
    hn::StoreU(hn::LoadU(d, products + (j - first)), d, row + j);
  }
  for (j = past; j < end; j += lanes) hn::StoreU(right, d, row + j);
}

// The sum of `count` numbers.
template <class T>
HWY_INLINE float Sum(const T* numbers, std::size_t count) {
  const D d;
  V sum = hn::Zero(d);
  for_each_vector(
      count, [&](std::size_t, auto load, auto) HWY_ATTR { sum = hn::Add(sum, load(numbers)); });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// The transpose of Spread: a row by distance, where a distance gets the sum of all keys of `seen`
// that count as it.
template <class T>
HWY_INLINE void Fold(const T* HWY_RESTRICT row, std::size_t seen, const Band& band,
                     std::size_t place, float* HWY_RESTRICT to) {
  const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(place) + band.lowest;
  const auto begin = static_cast<std::size_t>(HWY_MAX(first, std::ptrdiff_t{0}));
  const auto past = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(place) + band.highest + 1);
  const std::size_t end = HWY_MIN(past, seen);
  const auto before = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(begin) - first);
  std::fill_n(to, before, 0.0f);
  for_each_vector(end - begin, [&](std::size_t, auto load, auto store)
                                   HWY_ATTR { store(load(row + begin), to + before); });
  std::fill(to + before + (end - begin), to + band.count, 0.0f);
  to[0] += Sum(row, begin);
  to[band.count - 1] += Sum(row + end, seen - end);
}

// Products by distance of a tile's rows, as what its sums of products by key start from.
template <class Word>
struct RelativeProducts {
  const float* columns;  // (words of the size, packed)
  std::size_t packed;
  std::size_t depth;  // in words
  float* products;    // (kQueryTile, width)
  std::size_t width;

  // The tile's rows of A are row_words long; rows by key go to `rows` (tile, stride) where a shift
  // of the pointer cannot stand for them or `spreads` wants them there.
  HWY_INLINE Start start(const float* a, std::size_t row_words, const Band& band, std::size_t place,
                         std::size_t tile, std::size_t vectors, bool spreads, float* rows,
                         std::size_t stride) const {
    const std::size_t lanes = hn::Lanes(D());
    spreads = spreads || band.clips;
    const std::size_t skipped = band.column % lanes;
    // Row r begins tile − 1 − r columns behind the lowest distance, which only the last row meets.
    const std::size_t read = spreads ? band.count : tile - 1 + vectors * lanes;
    Multiply<Word, ByRows>(
        {{a, row_words}, columns + band.column - skipped, packed, depth, {}, products, width}, tile,
        (skipped + read + lanes - 1) / lanes);
    if (!spreads) {
      return {products + skipped + tile - 1, static_cast<std::ptrdiff_t>(width) - 1};
    }
    for (std::size_t r = 0; r < tile; ++r) {
      Spread(products + r * width + skipped, band, place + r, vectors, rows + r * stride);
    }
    return {rows, static_cast<std::ptrdiff_t>(stride)};
  }
};

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
