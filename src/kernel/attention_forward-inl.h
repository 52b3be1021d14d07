// Attention forward, one head of one sequence, compiled once per instruction set (Highway's -inl.h
// idiom).
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "kernel/attention_scratch.h"

#if defined(POSBENCH_ATTENTION_FORWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_ATTENTION_FORWARD_INL_H_
#undef POSBENCH_ATTENTION_FORWARD_INL_H_
#else
#define POSBENCH_ATTENTION_FORWARD_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/attention_pack-inl.h"
#include "kernel/attention_relative-inl.h"
#include "kernel/exp-inl.h"
#include "kernel/matrix_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention_detail::ForwardHead;
using attention_detail::kQueryTile;
using attention_detail::TermWidths;
using attention_detail::Widths;

// The largest of the first `visible` scores of a row; the others become −∞.
HWY_INLINE float Largest(float* row, std::size_t visible, std::size_t vectors) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const V nothing = hn::Set(d, -std::numeric_limits<float>::infinity());
  const std::size_t whole = visible / lanes;
  V top = nothing;
  // A NaN may get lost in Max; the powers find it again.
  for (std::size_t v = 0; v < whole; ++v) top = hn::Max(top, hn::LoadU(d, row + v * lanes));
  for (std::size_t v = whole; v < vectors; ++v) {
    const auto seen = hn::FirstN(d, visible - HWY_MIN(visible, v * lanes));
    const V scores = hn::IfThenElse(seen, hn::LoadU(d, row + v * lanes), nothing);
    hn::StoreU(scores, d, row + v * lanes);
    top = hn::Max(top, scores);
  }
  return hn::GetLane(hn::MaxOfLanes(d, top));
}

// A row of scores becomes words of 2^(score − top); `kept` gets it too, unless null. Returns the
// sum.
template <class Word, class Stored>
HWY_INLINE float Powers(float* HWY_RESTRICT row, float top, std::size_t vectors,
                        Stored* HWY_RESTRICT kept) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const V tops = hn::Set(d, top);
  const V least = hn::Set(d, -127.0f);
  V sum = hn::Zero(d);
  for (std::size_t v = 0; v < vectors; ++v) {
    const V below = hn::Sub(hn::LoadU(d, row + v * lanes), tops);
    const V power = Exp2OfNegative(AtLeast(least, below));
    sum = hn::Add(sum, power);
    if constexpr (Word::kDepth == 1) {
      hn::StoreU(power, d, row + v * lanes);
    } else {
      Save<Store::kPlain>(power, reinterpret_cast<Bf16*>(row) + v * lanes);
    }
    if (kept != nullptr) Save<Store::kPlain>(power, kept + v * lanes);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

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

// Everything as the products read it: Q by rows, Kᵀ, V by columns (of words), the terms. Scores are
// in units of ln 2: a power of 2 is cheaper than one of e.
template <class Word, class Stored>
HWY_INLINE void PackInputs(const ForwardHead<Stored>& head,
                           const attention_detail::ForwardScratch& scratch, const Widths& widths,
                           const TermWidths& term_widths) {
  const HeadTerms& terms = head.terms;
  const std::size_t n = head.k.rows, size = head.k.columns;
  const float scale = std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(size));
  const std::size_t row_words = widths.head / Word::kDepth;
  const float* q_bias = Shifted(head.q_bias, terms.query_shift, size, scratch.shifts);
  const auto pack_q = [&](const float* bias, float* to) HWY_ATTR {
    if constexpr (Word::kDepth == 1) {
      PackRows(head.q, bias, scale, to, widths.head);
    } else {
      PackPairs(head.q, bias, scale, nullptr, reinterpret_cast<Bf16*>(to), nullptr, widths.head);
    }
  };
  pack_q(q_bias, scratch.q);
  if constexpr (Word::kDepth == 1) {
    PackRows(head.k, head.k_bias, 1.0f, scratch.k, widths.head);
    PackRows(head.v, head.v_bias, 1.0f, scratch.v, widths.head);
  } else {
    auto* k = reinterpret_cast<Bf16*>(scratch.k);
    PackPairs(head.k, head.k_bias, 1.0f, nullptr, k, nullptr, widths.head);
    PackPairs(head.v, head.v_bias, 1.0f, nullptr, nullptr, scratch.v, widths.head);
  }
  PadRows(scratch.k, n, row_words);
  Transpose(scratch.k, row_words, n, WordsOf<Word>(size), scratch.keys, widths.keys);
  if (terms.by_distance != nullptr) PackScoreBias(terms.by_distance, n, scratch.bias);
  if (terms.keys.rows.rows > 0) {
    PackRelativeColumns<Word>(terms.keys, term_widths.keys.packed, widths.head,
                              scratch.relative_rows, scratch.relative_keys);
    if (terms.has_shifts()) {
      float* sum = scratch.shifts + widths.head;
      pack_q(Shifted(head.q_bias, terms.relative_shift, size, sum), scratch.relative_q);
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
HWY_INLINE Start StartOfScores(const ForwardHead<Stored>& head,
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
HWY_INLINE void AddRelativeValues(const ForwardHead<Stored>& head,
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

template <class Word, class Stored>
void Forward(const ForwardHead<Stored>& head, const attention_detail::ForwardScratch& scratch) {
  const std::size_t lanes = hn::Lanes(D());
  const std::size_t queries = head.q.rows, n = head.k.rows, size = head.k.columns;
  const std::size_t cached = head.cached();
  const Widths widths(queries, n, size);
  const TermWidths term_widths(head.terms, n);
  const auto vectors_of = [lanes](std::size_t count) { return (count + lanes - 1) / lanes; };
  const std::size_t row_words = widths.head / Word::kDepth;
  PackInputs<Word>(head, scratch, widths, term_widths);

  for (std::size_t i = 0, tile = 0; i < queries; i += tile) {
    // Whole pairs of queries, as backward reads them: what is kept is then valid up to the last key
    // that either sees.
    tile = EvenPart(queries - i, kQueryTile, Word::kDepth);
    const std::size_t keys = head.causal ? cached + i + tile : n;
    const std::size_t vectors = vectors_of(keys);
    const Start start =
        StartOfScores<Word>(head, scratch, widths, term_widths, i, tile, keys, vectors);
    Multiply<Word, ByRows>({{scratch.q + i * row_words, row_words},
                            scratch.keys,
                            widths.keys,
                            WordsOf<Word>(size),
                            start,
                            scratch.scores,
                            widths.keys},
                           tile, vectors);
    // All maxima first: the powers of one row need not wait for the largest score of the next.
    float tops[kQueryTile], inverse[kQueryTile];
    for (std::size_t r = 0; r < tile; ++r) {
      const std::size_t visible = head.causal ? cached + i + r + 1 : n;
      tops[r] = Largest(scratch.scores + r * widths.keys, visible, vectors);
    }
    for (std::size_t r = 0; r < tile; ++r) {
      Stored* kept = head.weights == nullptr ? nullptr : head.weights + (i + r) * widths.rows;
      inverse[r] = 1.0f / Powers<Word>(scratch.scores + r * widths.keys, tops[r], vectors, kept);
    }
    if (head.weights != nullptr) {
      auto* sums = reinterpret_cast<char*>(head.weights + queries * widths.rows);
      std::memcpy(sums + i * sizeof(float), inverse, tile * sizeof(float));
    }
    Multiply<Word, ByRows>({{scratch.scores, widths.keys},
                            scratch.v,
                            widths.head,
                            WordsOf<Word>(keys),
                            {},
                            scratch.context,
                            widths.head},
                           tile, vectors_of(size));
    if (head.terms.values.rows.rows > 0) {
      AddRelativeValues<Word>(head, scratch, widths, term_widths, i, tile, keys, vectors_of(size));
    }
    UnpackRows(scratch.context, widths.head, inverse,
               Window<Stored>{head.context.data + i * head.context.stride, head.context.stride,
                              tile, size});
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
