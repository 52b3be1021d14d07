// Sliding-window attention, one head of one sequence, forward and backward, compiled once per
// instruction set (Highway's -inl.h idiom). Names and the algebra of the gradients are those of
// attention_forward-inl.h and attention_backward-inl.h.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "kernel/window_attention_parts.h"

#if defined(POSBENCH_WINDOW_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_WINDOW_ATTENTION_INL_H_
#undef POSBENCH_WINDOW_ATTENTION_INL_H_
#else
#define POSBENCH_WINDOW_ATTENTION_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/attention_backward-inl.h"
#include "kernel/attention_forward-inl.h"
#include "kernel/attention_pack-inl.h"
#include "kernel/matrix_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention_detail::kBandBlock;
using attention_detail::Pass;
using attention_detail::WindowWidths;

// A block of queries of a pass, or a tile of a block, and where its scores stand.
struct WindowBand {
  std::size_t first, rows;  // queries
  std::size_t begin, end;   // keys of the band, from a whole line on
  std::size_t column;       // of key `begin`

  std::size_t keys() const { return end - begin; }
};

HWY_INLINE WindowBand BandOf(const Pass& pass, std::size_t block, std::size_t first,
                             std::size_t rows) {
  const std::size_t begin = pass.origin(first);
  return {first, rows, begin, pass.end(first + rows - 1),
          pass.front_width + begin - pass.origin(block)};
}

// Calls body(block) for the blocks of a pass, in order.
template <class Body>
HWY_INLINE void ForEachBlock(const Pass& pass, Body body) {
  const std::size_t end = pass.first + pass.rows;
  for (std::size_t first = pass.first; first < end; first += kBandBlock) {
    body(BandOf(pass, first, first, HWY_MIN(kBandBlock, end - first)));
  }
}

// Calls body(tile) for the tiles of a block. Tiles begin with a word.
template <class Word, class Body>
HWY_INLINE void ForEachTile(const Pass& pass, const WindowBand& block, Body body) {
  const std::size_t end = block.first + block.rows;
  for (std::size_t i = block.first, rows = 0; i < end; i += rows) {
    rows = EvenPart(end - i, kQueryTile, Word::kDepth);
    body(BandOf(pass, block.first, i, rows));
  }
}

template <class T>
HWY_INLINE Window<T> RowsOf(const Window<T>& all, const WindowBand& band) {
  return {all.data + band.first * all.stride, all.stride, band.rows, all.columns};
}

HWY_INLINE std::size_t VectorsOf(std::size_t count) {
  const std::size_t lanes = hn::Lanes(D());
  return (count + lanes - 1) / lanes;
}

// The columns of a row that belong neither to keys in front nor to the band of a tile become 0.
template <class T>
HWY_INLINE void ClearAround(const Pass& pass, const WindowBand& tile, T* row) {
  std::fill(row + pass.front_width, row + tile.column, T{});
  std::fill(row + tile.column + VectorsOf(tile.keys()) * hn::Lanes(D()), row + pass.width, T{});
}

// C (rows of the tile, front or band columns) = A (rows, depth) · B, where B holds a column for
// each key of the sequence.
template <class Word>
HWY_INLINE void MultiplyToKeys(const Pass& pass, const WindowBand& tile, const ByRows& a,
                               const float* b, std::size_t b_stride, std::size_t depth, float* c,
                               std::size_t c_stride) {
  Multiply<Word, ByRows>({a, b, b_stride, depth, {}, c, c_stride}, tile.rows,
                         VectorsOf(pass.front));
  Multiply<Word, ByRows>({a, b + tile.begin, b_stride, depth, {}, c + tile.column, c_stride},
                         tile.rows, VectorsOf(tile.keys()));
}

// C (rows of the tile, columns) = A · B, where A holds a column for each key in front and of the
// band, `column` being where the band begins, and B a row for each key of the sequence.
template <class Word>
HWY_INLINE void MultiplyFromKeys(const Pass& pass, const WindowBand& tile, const ByRows& a,
                                 std::size_t column, const float* b, std::size_t width, float* c,
                                 std::size_t columns) {
  Start start;
  if (pass.front > 0) {
    Multiply<Word, ByRows>({a, b, width, WordsOf<Word>(pass.front), start, c, width}, tile.rows,
                           VectorsOf(columns));
    start = {c, static_cast<std::ptrdiff_t>(width)};
  }
  Multiply<Word, ByRows>({{a.data + column, a.stride},
                          b + tile.begin / Word::kDepth * width,
                          width,
                          WordsOf<Word>(tile.keys()),
                          start,
                          c,
                          width},
                         tile.rows, VectorsOf(columns));
}

// Scores of a tile become words of 2^(score − the row's largest), 0 where a query does not see the
// key, and go to `kept`, rows of pass.width, unless null. inverse (rows) = 1 / their sums.
template <class Word, class Stored>
HWY_INLINE void Softmax(const Pass& pass, const WindowBand& tile, float* scores, std::size_t stride,
                        Stored* kept, float* inverse) {
  const std::size_t front_vectors = VectorsOf(pass.front), vectors = VectorsOf(tile.keys());
  // All maxima first: the powers of one row need not wait for the largest score of the next.
  float tops[kQueryTile];
  for (std::size_t r = 0; r < tile.rows; ++r) {
    float* front = scores + r * stride;
    float* band = front + tile.column;
    const std::size_t i = tile.first + r;
    std::fill(band, band + (pass.begin(i) - tile.begin), -std::numeric_limits<float>::infinity());
    tops[r] = HWY_MAX(Largest(front, pass.front, front_vectors),
                      Largest(band, pass.end(i) - tile.begin, vectors));
  }
  for (std::size_t r = 0; r < tile.rows; ++r) {
    float* front = scores + r * stride;
    Stored *kept_front = nullptr, *kept_band = nullptr;
    if (kept != nullptr) {
      kept_front = kept + r * pass.width;
      kept_band = kept_front + tile.column;
      // Only whole vectors of keys in front are written below, and backward reads whole lines.
      std::fill(kept_front + pass.front, kept_front + pass.front_width, Stored{});
      ClearAround(pass, tile, kept_front);
    }
    const float sum = Powers<Word>(front, tops[r], front_vectors, kept_front) +
                      Powers<Word>(front + tile.column, tops[r], vectors, kept_band);
    inverse[r] = 1.0f / sum;
  }
}

template <class Word, class Stored>
void ForwardPass(const Pass& pass, const attention_detail::Projections<Stored>& from,
                 const attention_detail::WindowForwardScratch& scratch, const Widths& widths,
                 Stored* kept, char* kept_sums, const Window<Stored>& context) {
  const std::size_t size = from.q.columns;
  const std::size_t stride = WindowWidths::stride(pass);
  const std::size_t row_words = widths.head / Word::kDepth;
  // Scores are in units of ln 2: a power of 2 is cheaper than one of e.
  const float scale = std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(size));
  ForEachBlock(pass, [&](const WindowBand& block) HWY_ATTR {
    if constexpr (Word::kDepth == 1) {
      PackRows(RowsOf(from.q, block), from.q_bias, scale, scratch.q, widths.head);
    } else {
      PackPairs(RowsOf(from.q, block), from.q_bias, scale, nullptr,
                reinterpret_cast<Bf16*>(scratch.q), nullptr, widths.head);
    }
    ForEachTile<Word>(pass, block, [&](const WindowBand& tile) HWY_ATTR {
      MultiplyToKeys<Word>(pass, tile,
                           {scratch.q + (tile.first - block.first) * row_words, row_words},
                           scratch.keys, widths.keys, WordsOf<Word>(size), scratch.scores, stride);
      Stored* rows = kept == nullptr ? nullptr : kept + (tile.first - pass.first) * pass.width;
      float inverse[kQueryTile];
      Softmax<Word>(pass, tile, scratch.scores, stride, rows, inverse);
      if (kept != nullptr) {
        std::memcpy(kept_sums + tile.first * sizeof(float), inverse, tile.rows * sizeof(float));
      }
      MultiplyFromKeys<Word>(pass, tile, {scratch.scores, stride}, tile.column, scratch.v,
                             widths.head, scratch.context, size);
      UnpackRows(scratch.context, widths.head, inverse, RowsOf(context, tile));
    });
  });
}

// Kᵀ, and V by rows (of words).
template <class Word, class Stored>
HWY_INLINE void PackForward(const attention_detail::Projections<Stored>& from,
                            const attention_detail::WindowForwardScratch& scratch,
                            const Widths& widths) {
  const std::size_t n = from.k.rows, row_words = widths.head / Word::kDepth;
  if constexpr (Word::kDepth == 1) {
    PackRows(from.k, from.k_bias, 1.0f, scratch.k, widths.head);
    PackRows(from.v, from.v_bias, 1.0f, scratch.v, widths.head);
  } else {
    PackPairs(from.k, from.k_bias, 1.0f, nullptr, reinterpret_cast<Bf16*>(scratch.k), nullptr,
              widths.head);
    PackPairs(from.v, from.v_bias, 1.0f, nullptr, nullptr, scratch.v, widths.head);
  }
  PadRows(scratch.k, n, row_words);
  Transpose(scratch.k, row_words, n, WordsOf<Word>(from.k.columns), scratch.keys, widths.keys);
}

template <class Word, class Stored>
void WindowForward(const attention_detail::WindowForwardHead<Stored>& head,
                   const attention_detail::WindowForwardScratch& scratch) {
  const auto& passes = head.passes;
  const Widths widths(passes.others.n, passes.others.n, head.local.q.columns);
  Stored* kept_globals = nullptr;
  char* kept_sums = nullptr;
  if (head.weights != nullptr) {
    kept_globals = head.weights + passes.kept_globals;
    kept_sums = reinterpret_cast<char*>(head.weights + passes.kept_sums);
  }
  PackForward<Word>(head.local, scratch, widths);
  ForwardPass<Word>(passes.others, head.local, scratch, widths, head.weights, kept_sums,
                    head.context);
  if (passes.globals.rows == 0) return;
  if (!head.shared) PackForward<Word>(head.global, scratch, widths);
  ForwardPass<Word>(passes.globals, head.global, scratch, widths, kept_globals, kept_sums,
                    head.context);
}

// dK and dV += the share of a block, whose p and dS stand in scratch. Keys of the band go in
// stripes, each of which leaves out the queries that see none of it.
template <class Word>
HWY_INLINE void AddBlock(const Pass& pass, const WindowBand& block,
                         const attention_detail::WindowBackwardScratch& scratch,
                         const Widths& widths, std::size_t stride, std::size_t size) {
  // Queries from … to − 1 of the block give to `keys` keys from `key` on, whose columns these are.
  const auto add = [&](std::size_t from, std::size_t to, std::size_t key, std::size_t keys,
                       std::size_t column) HWY_ATTR {
    const std::size_t word = from / Word::kDepth;
    const auto product = [&](const float* a, const float* b, float* sums) HWY_ATTR {
      sums += key * widths.head;
      Multiply<Word, ByColumns>({{a + word * stride + column, stride},
                                 b + word * widths.head,
                                 widths.head,
                                 WordsOf<Word>(to) - word,
                                 {sums, static_cast<std::ptrdiff_t>(widths.head)},
                                 sums,
                                 widths.head},
                                keys, VectorsOf(size));
    };
    product(scratch.p, scratch.dcontext, scratch.dv);
    product(scratch.ds, scratch.q, scratch.dk);
  };
  if (pass.front > 0) add(0, block.rows, 0, pass.front, 0);
  // Longer than what origin() adds to a band, so that some query sees each stripe.
  constexpr std::size_t kStripe = 2 * kQueryTile;
  for (std::size_t key = block.begin; key < block.end; key += kStripe) {
    const std::size_t keys = HWY_MIN(kStripe, block.end - key);
    const std::size_t least = HWY_MAX(block.first, key - HWY_MIN(key, pass.window));
    const std::size_t end = HWY_MIN(block.first + block.rows, key + keys + pass.window);
    add(least - block.first, end - block.first, key, keys, block.column + key - block.begin);
  }
}

// slopes, rows of dO' Vᵀ, become those of dS, and p what forward kept: words by column in p and ds,
template <class Word, class Stored>
HWY_INLINE void TileGradient(const Pass& pass, const WindowBand& tile, const Stored* kept,
                             const float* inverse, std::size_t stride, float* slopes,
                             float* ds_rows, float* p, float* ds) {
  const std::size_t vectors = VectorsOf(pass.width);
  for (std::size_t r = 0; r < tile.rows; ++r) {
    float* row = slopes + r * stride;
    const std::size_t written = VectorsOf(pass.front) * hn::Lanes(D());
    std::fill(row + written, row + pass.front_width, 0.0f);
    ClearAround(pass, tile, row);
  }
  for (std::size_t r = 0; r < tile.rows; r += Word::kDepth, p += stride, ds += stride) {
    if constexpr (Word::kDepth == 1) {
      ScoreGradient(kept + r * pass.width, inverse[r], vectors, p, ds);
    } else {
      // A row without a partner is its own, and meets zeros in the products.
      const auto row = [&](std::size_t at) HWY_ATTR {
        return RowOfTwo{kept + at * pass.width, inverse[at], slopes + at * stride,
                        reinterpret_cast<Bf16*>(ds_rows + at * (stride / 2))};
      };
      ScoreGradients(row(r), row(HWY_MIN(r + 1, tile.rows - 1)), vectors, false, p, ds);
    }
  }
}

template <class Word, class Stored>
void BackwardPass(const Pass& pass, const attention_detail::Projections<Stored>& from,
                  const Window<const Stored>& dcontext, const Stored* kept,
                  const attention_detail::WindowBackwardScratch& scratch, const Widths& widths,
                  const attention_detail::ProjectionGradients<Stored>& to) {
  const std::size_t size = from.q.columns;
  const std::size_t stride = WindowWidths::stride(pass);
  const std::size_t row_words = widths.head / Word::kDepth;
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  // Single words of a row are those of its columns, and dS takes the place of the slopes.
  const float* dcontext_rows = Word::kDepth == 1 ? scratch.dcontext : scratch.dcontext_rows;
  ForEachBlock(pass, [&](const WindowBand& block) HWY_ATTR {
    const auto q = RowsOf(from.q, block);
    const auto dout = RowsOf(dcontext, block);
    const float* inverse = scratch.inverse + block.first;
    if constexpr (Word::kDepth == 1) {
      PackRows(q, from.q_bias, scale, scratch.q, widths.head);
      PackRows(dout, inverse, scratch.dcontext, widths.head);
    } else {
      PackPairs(q, from.q_bias, scale, nullptr, nullptr, scratch.q, widths.head);
      PackPairs(dout, nullptr, 1.0f, inverse, reinterpret_cast<Bf16*>(scratch.dcontext_rows),
                scratch.dcontext, widths.head);
    }
    ForEachTile<Word>(pass, block, [&](const WindowBand& tile) HWY_ATTR {
      const std::size_t row = tile.first - block.first;
      float* p = scratch.p + row / Word::kDepth * stride;
      float* ds = scratch.ds + row / Word::kDepth * stride;
      float* slopes = Word::kDepth == 1 ? ds : scratch.slopes;
      float* ds_rows = Word::kDepth == 1 ? ds : scratch.ds_rows;
      MultiplyToKeys<Word>(pass, tile, {dcontext_rows + row * row_words, row_words}, scratch.values,
                           widths.keys, WordsOf<Word>(size), slopes, stride);
      TileGradient<Word>(pass, tile, kept + (tile.first - pass.first) * pass.width, inverse + row,
                         stride, slopes, ds_rows, p, ds);
      MultiplyFromKeys<Word>(pass, tile, {ds_rows, stride / Word::kDepth},
                             tile.column / Word::kDepth, scratch.k, widths.head,
                             scratch.dq + row * widths.head, size);
    });
    AddBlock<Word>(pass, block, scratch, widths, stride, size);
    UnpackGradient(scratch.dq, widths.head, RowsOf(to.q, block), to.q_bias);
  });
}

// K by columns (of words), scaled as dQ = scale · dS K needs it, and Vᵀ; dK and dV begin at 0.
template <class Word, class Stored>
HWY_INLINE void PackBackward(const attention_detail::Projections<Stored>& from,
                             const attention_detail::WindowBackwardScratch& scratch,
                             const Widths& widths) {
  const std::size_t n = from.k.rows, row_words = widths.head / Word::kDepth;
  const float scale = 1.0f / std::sqrt(static_cast<float>(from.k.columns));
  if constexpr (Word::kDepth == 1) {
    PackRows(from.k, from.k_bias, scale, scratch.k, widths.head);
    PackRows(from.v, from.v_bias, 1.0f, scratch.v, widths.head);
  } else {
    PackPairs(from.k, from.k_bias, scale, nullptr, nullptr, scratch.k, widths.head);
    PackPairs(from.v, from.v_bias, 1.0f, nullptr, reinterpret_cast<Bf16*>(scratch.v), nullptr,
              widths.head);
  }
  PadRows(scratch.v, n, row_words);
  Transpose(scratch.v, row_words, n, WordsOf<Word>(from.v.columns), scratch.values, widths.keys);
  std::fill_n(scratch.dk, n * widths.head, 0.0f);
  std::fill_n(scratch.dv, n * widths.head, 0.0f);
}

template <class Stored>
HWY_INLINE void UnpackBackward(const attention_detail::WindowBackwardScratch& scratch,
                               const Widths& widths,
                               const attention_detail::ProjectionGradients<Stored>& to) {
  UnpackGradient(scratch.dk, widths.head, to.k, to.k_bias);
  UnpackGradient(scratch.dv, widths.head, to.v, to.v_bias);
}

template <class Word, class Stored>
void WindowBackward(const attention_detail::WindowBackwardHead<Stored>& head,
                    const attention_detail::WindowBackwardScratch& scratch) {
  const auto& passes = head.passes;
  const std::size_t n = passes.others.n;
  const Widths widths(n, n, head.local.q.columns);
  std::memcpy(scratch.inverse, head.weights + passes.kept_sums, n * sizeof(float));
  PackBackward<Word>(head.local, scratch, widths);
  BackwardPass<Word>(passes.others, head.local, head.dcontext, head.weights, scratch, widths,
                     head.dlocal);
  if (!head.shared) {
    UnpackBackward(scratch, widths, head.dlocal);
    PackBackward<Word>(head.global, scratch, widths);
  }
  BackwardPass<Word>(passes.globals, head.global, head.dcontext, head.weights + passes.kept_globals,
                     scratch, widths, head.dglobal);
  UnpackBackward(scratch, widths, head.dglobal);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
