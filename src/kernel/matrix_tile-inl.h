// Products of matrices that fit into the nearest caches, f32, compiled once per instruction set
// (Highway's -inl.h idiom). A tile of the result stays in registers while it runs through the
// depth: each step loads a row of B as vectors and broadcasts a word of A for each row. A word is
// an f32, or two bf16 that follow each other along the depth.
#include <array>
#include <cstddef>
#include <utility>

#if defined(POSBENCH_MATRIX_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_MATRIX_TILE_INL_H_
#undef POSBENCH_MATRIX_TILE_INL_H_
#else
#define POSBENCH_MATRIX_TILE_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// What a word of A and B is; how many numbers of the depth it holds.
struct Singles {
  static constexpr std::size_t kDepth = 1;
  static HWY_INLINE V MulAdd(V a, V b, V sum) { return hn::MulAdd(a, b, sum); }
};

#if HWY_TARGET == HWY_AVX3
// Twice the products in the same time, for CPUs that round to bf16 in one instruction: the two come
// together. Highway does not know it. Sums are f32; numbers below 2^-126 count as 0.
struct Bf16Pairs {
  static constexpr std::size_t kDepth = 2;
  static HWY_INLINE V MulAdd(V a, V b, V sum) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
    return sum;
  }
};
#endif

// Words that `count` numbers of the depth take.
template <class Word>
constexpr std::size_t WordsOf(std::size_t count) {
  return (count + Word::kDepth - 1) / Word::kDepth;
}

// A, read word by word, from memory that holds it row by row …
struct ByRows {
  const float* data;
  std::size_t stride;
  template <std::size_t kRow>
  HWY_INLINE const float* at() const {
    return data + kRow * stride;
  }
  HWY_INLINE void step() { ++data; }
  HWY_INLINE ByRows from_row(std::size_t row) const { return {data + row * stride, stride}; }
};

// … or column by column.
struct ByColumns {
  const float* data;
  std::size_t stride;
  template <std::size_t kRow>
  HWY_INLINE const float* at() const {
    return data + kRow;
  }
  HWY_INLINE void step() { data += stride; }
  HWY_INLINE ByColumns from_row(std::size_t row) const { return {data + row, stride}; }
};

// What the result starts from: rows `stride` apart, or zeros where data is null.
struct Start {
  const float* data = nullptr;
  std::ptrdiff_t stride = 0;
};

template <class A>
struct TileTask {
  A a;
  const float* b;
  std::size_t b_stride;
  std::size_t depth;  // in words
  Start start;
  float* c;
  std::size_t c_stride;
};

// The accumulators, a row of B and one broadcast number fill the registers. Twelve accumulators
// already hide the latency of a multiply-add.
constexpr std::size_t kTileVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
constexpr std::size_t TileRows(std::size_t vectors) {
  constexpr std::size_t kAccumulators = HWY_TARGET <= HWY_AVX3 ? 24 : 12;
  return HWY_MIN(std::size_t{12}, kAccumulators / vectors);
}

template <class Word, std::size_t kRows, std::size_t kVectors, class A>
HWY_NOINLINE void MultiplyTile(const TileTask<A>& task) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V sums[kRows][kVectors];
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const float* from = task.start.data + static_cast<std::ptrdiff_t>(r) * task.start.stride;
      sums[r][v] = task.start.data == nullptr ? hn::Zero(d) : hn::LoadU(d, from + v * lanes);
    }
  }
  A a = task.a;
  const float* b = task.b;
  for (std::size_t k = 0; k < task.depth; ++k) {
    V row[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) row[v] = hn::LoadU(d, b + v * lanes);
    const auto add_row = [&]<std::size_t kRow>() HWY_ATTR {
      const V factor = hn::Set(d, *a.template at<kRow>());
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[kRow][v] = Word::MulAdd(factor, row[v], sums[kRow][v]);
      }
    };
    [&]<std::size_t... kRow>(std::index_sequence<kRow...>) HWY_ATTR {
      (add_row.template operator()<kRow>(), ...);
    }
    (std::make_index_sequence<kRows>());
    a.step();
    b += task.b_stride;
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], d, task.c + r * task.c_stride + v * lanes);
    }
  }
}

// MultiplyTile for 1 … TileRows(kVectors) rows.
template <class Word, std::size_t kVectors, class A>
HWY_INLINE void MultiplyRows(std::size_t rows, const TileTask<A>& task) {
  using Function = void (*)(const TileTask<A>&);
  static constexpr auto kTiles = []<std::size_t... kRow>(std::index_sequence<kRow...>) {
    return std::array<Function, sizeof...(kRow)>{&MultiplyTile<Word, kRow + 1, kVectors, A>...};
  }
  (std::make_index_sequence<TileRows(kVectors)>());
  kTiles[rows - 1](task);
}

// The next share of what is left, at most `most`, where all shares are to be about equal: a thin
// last tile would wait for its own sums. All but the last are multiples of `unit`, as `most` is.
HWY_INLINE std::size_t EvenPart(std::size_t left, std::size_t most, std::size_t unit = 1) {
  const std::size_t shares = (left + most - 1) / most;
  const std::size_t share = (left + shares - 1) / shares;
  return HWY_MIN(left, (share + unit - 1) / unit * unit);
}

// C (rows, vectors · lanes) = start + A (rows, depth) · B (depth, vectors · lanes).
template <class Word, class A>
HWY_INLINE void Multiply(const TileTask<A>& whole, std::size_t rows, std::size_t vectors) {
  const std::size_t lanes = hn::Lanes(D());
  for (std::size_t v = 0, width = 0; v < vectors; v += width) {
    width = EvenPart(vectors - v, kTileVectors);
    for (std::size_t r = 0, height = 0; r < rows; r += height) {
      height = EvenPart(rows - r, TileRows(width));
      TileTask<A> task = whole;
      task.a = whole.a.from_row(r);
      task.b += v * lanes;
      if (task.start.data != nullptr) {
        task.start.data += static_cast<std::ptrdiff_t>(r) * task.start.stride +
                           static_cast<std::ptrdiff_t>(v * lanes);
      }
      task.c += r * whole.c_stride + v * lanes;
      switch (width) {
        case 1:
          MultiplyRows<Word, 1>(height, task);
          break;
        case 2:
          MultiplyRows<Word, 2>(height, task);
          break;
        default:
          if constexpr (kTileVectors > 2) {
            if (width == 3) MultiplyRows<Word, 3>(height, task);
            if (width == 4) MultiplyRows<Word, 4>(height, task);
          }
      }
    }
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
