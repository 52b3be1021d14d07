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
#include "kernel/attention_terms_forward-inl.h"
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

// Everything as the products read it: Q by rows, Kᵀ, V by columns (of words), the terms. Scores are
// in units of ln 2: a power of 2 is cheaper than one of e.
template <class Word, class Stored>
HWY_INLINE void PackInputs(const ForwardHead<Stored>& head,
                           const attention_detail::ForwardScratch& scratch, const Widths& widths,
                           const TermWidths& term_widths) {
  const HeadTerms& terms = head.terms;
  const std::size_t n = head.k.rows, size = head.k.columns;
  const float scale =
      terms.content_scale * std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(size));
  const std::size_t row_words = widths.head / Word::kDepth;
  const float* q_bias = Shifted(head.q_bias, terms.query_shift, size, scratch.shifts);
  PackWords<Word>(head.q, q_bias, scale, scratch.q, widths.head);
  PackWords<Word>(head.k, head.k_bias, 1.0f, scratch.k, widths.head);
  if constexpr (Word::kDepth == 1) {
    PackRows(head.v, head.v_bias, 1.0f, scratch.v, widths.head);
  } else {
    PackPairs(head.v, head.v_bias, 1.0f, nullptr, nullptr, scratch.v, widths.head);
  }
  PadRows(scratch.k, n, row_words);
  Transpose(scratch.k, row_words, n, WordsOf<Word>(size), scratch.keys, widths.keys);
  if (terms.any()) PackTerms<Word>(head, scratch, widths, term_widths, scale);
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
    Start start;
    if (head.terms.any()) {
      start = StartOfScores<Word>(head, scratch, widths, term_widths, i, tile, keys, vectors);
    }
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
