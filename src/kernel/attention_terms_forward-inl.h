// The terms of the scores and of the context, for one head of one sequence, compiled once per
// instruction set (Highway's -inl.h idiom). Functions of their own, so that attention without terms
// keeps its registers.
#include <algorithm>
#include <numbers>

#include "kernel/attention_scratch.h"

#if defined(POSBENCH_ATTENTION_TERMS_FORWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_ATTENTION_TERMS_FORWARD_INL_H_
#undef POSBENCH_ATTENTION_TERMS_FORWARD_INL_H_
#else
#define POSBENCH_ATTENTION_TERMS_FORWARD_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/attention_pack-inl.h"
#include "kernel/attention_relative-inl.h"
#include "kernel/matrix_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention_detail::ForwardHead;
using attention_detail::kQueryTile;
using attention_detail::TermWidths;
using attention_detail::Widths;

// line[n − 1 + distance] = score_bias[distance] in units of ln 2, for −n < distance < n.
HWY_INLINE void PackScoreBias(const float* score_bias, std::size_t n, float* line) {
  const D d;
  const V unit = hn::Set(d, std::numbers::log2e_v<float>);
  const float* first = score_bias - (n - 1);
  for_each_vector(2 * n - 1, [&](std::size_t i, auto load, auto)
                                 HWY_ATTR { hn::StoreU(hn::Mul(load(first), unit), d, line + i); });
}

// A row of scores gains a line of by_distance (in units of ln 2) and one of by_place (of 1), each
// unless null.
HWY_INLINE void AddScoreBias(const float* by_distance, const float* by_place, std::size_t keys,
                             float* row) {
  const D d;
  const V unit = hn::Set(d, std::numbers::log2e_v<float>);
  for_each_vector(keys, [&](std::size_t, auto load, auto store) HWY_ATTR {
    V score = load(row);
    if (by_distance != nullptr) score = hn::Add(score, load(by_distance));
    if (by_place != nullptr) score = hn::MulAdd(load(by_place), unit, score);
    store(score, row);
  });
}

// The terms as the scores and the context need them; `scale` is that of the queries.
template <class Word, class Stored>
HWY_NOINLINE void PackTerms(const ForwardHead<Stored>& head,
                            const attention_detail::ForwardScratch& scratch, const Widths& widths,
                            const TermWidths& term_widths, float scale) {
  const HeadTerms& terms = head.terms;
  const std::size_t n = head.k.rows, size = head.k.columns;
  if (terms.by_distance != nullptr) PackScoreBias(terms.by_distance, n, scratch.bias);
  if (terms.keys.rows.rows > 0) {
    PackRelativeColumns<Word>(terms.keys, term_widths.keys.packed, widths.head,
                              scratch.relative_rows, scratch.relative_keys);
    if (terms.has_shifts()) {
      float* sum = scratch.shifts + widths.head;
      const float* bias = Shifted(head.q_bias, terms.relative_shift, size, sum);
      PackWords<Word>(head.q, bias, scale, scratch.relative_q, widths.head);
    }
  }
  if (terms.values.rows.rows > 0) {
    PackRelativeRows(terms.values, 1.0f, term_widths.values.packed, widths.head,
                     scratch.relative_values);
  }
}

// What the scores of a tile start from: its terms. They go to scratch.scores where no pointer into
// a smaller buffer can stand for them.
template <class Word, class Stored>
HWY_NOINLINE Start StartOfScores(const ForwardHead<Stored>& head,
                                 const attention_detail::ForwardScratch& scratch,
                                 const Widths& widths, const TermWidths& term_widths, std::size_t i,
                                 std::size_t tile, std::size_t keys, std::size_t vectors) {
  const HeadTerms& terms = head.terms;
  const std::size_t n = head.k.rows, size = head.k.columns, place = head.cached() + i;
  const bool relative = terms.keys.rows.rows > 0;
  const float* line = terms.by_distance == nullptr ? nullptr : scratch.bias;
  const bool by_place = terms.by_place.data != nullptr;
  if (!relative && !by_place) {
    return line == nullptr ? Start() : Start{line + n - 1 - place, -1};
  }
  Start start{scratch.scores, static_cast<std::ptrdiff_t>(widths.keys)};
  if (relative) {
    const RelativeProducts<Word> products{scratch.relative_keys, term_widths.keys.packed,
                                          WordsOf<Word>(size), scratch.relative_scores,
                                          term_widths.keys.band};
    const std::size_t row_words = widths.head / Word::kDepth;
    const float* q = terms.has_shifts() ? scratch.relative_q : scratch.q;
    const Band band(terms.keys.distances, place, tile, keys, head.causal);
    start = products.start(q + i * row_words, row_words, band, place, tile, vectors,
                           line != nullptr || by_place, scratch.scores, widths.keys);
  } else {
    std::fill_n(scratch.scores, tile * widths.keys, 0.0f);
  }
  for (std::size_t r = 0; r < tile && (line != nullptr || by_place); ++r) {
    const float* row = by_place ? terms.by_place.data + (i + r) * terms.by_place.stride : nullptr;
    AddScoreBias(line == nullptr ? nullptr : line + n - 1 - (place + r), row, keys,
                 scratch.scores + r * widths.keys);
  }
  return start;
}

// context (tile, head) += the tile's weights by distance times the relative values.
template <class Word, class Stored>
HWY_NOINLINE void AddRelativeValues(const ForwardHead<Stored>& head,
                                    const attention_detail::ForwardScratch& scratch,
                                    const Widths& widths, const TermWidths& term_widths,
                                    std::size_t i, std::size_t tile, std::size_t keys,
                                    std::size_t vectors) {
  const std::size_t place = head.cached() + i, width = term_widths.values.band;
  const Band band(head.terms.values.distances, place, tile, keys, head.causal);
  for (std::size_t r = 0; r < tile; ++r) {
    const std::size_t seen = head.causal ? place + r + 1 : keys;
    const float* row = scratch.scores + r * widths.keys;
    float* to = scratch.by_distance + r * width;
    if constexpr (Word::kDepth == 1) {
      Fold(row, seen, band, place + r, to);
    } else {
      Fold(reinterpret_cast<const Bf16*>(row), seen, band, place + r, to);
    }
  }
  Multiply<Singles, ByRows>({{scratch.by_distance, width},
                             scratch.relative_values + band.column * widths.head,
                             widths.head,
                             band.count,
                             {scratch.context, static_cast<std::ptrdiff_t>(widths.head)},
                             scratch.context,
                             widths.head},
                            tile, vectors);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
