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
#include "kernel/exp-inl.h"
#include "kernel/matrix_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention_detail::ForwardHead;
using attention_detail::kQueryTile;
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

template <class Word, class Stored>
void Forward(const ForwardHead<Stored>& head, const attention_detail::ForwardScratch& scratch) {
  const std::size_t lanes = hn::Lanes(D());
  const std::size_t n = head.q.rows, size = head.q.columns;
  const Widths widths(n, size);
  const auto vectors_of = [lanes](std::size_t count) { return (count + lanes - 1) / lanes; };
  // Scores are in units of ln 2: a power of 2 is cheaper than one of e.
  const float scale = std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(size));
  const std::size_t row_words = widths.head / Word::kDepth;
  if constexpr (Word::kDepth == 1) {
    PackRows(head.q, head.q_bias, scale, scratch.q, widths.head);
    PackRows(head.k, head.k_bias, 1.0f, scratch.k, widths.head);
    PackRows(head.v, head.v_bias, 1.0f, scratch.v, widths.head);
  } else {
    auto* q = reinterpret_cast<Bf16*>(scratch.q);
    auto* k = reinterpret_cast<Bf16*>(scratch.k);
    PackPairs(head.q, head.q_bias, scale, nullptr, q, nullptr, widths.head);
    PackPairs(head.k, head.k_bias, 1.0f, nullptr, k, nullptr, widths.head);
    PackPairs(head.v, head.v_bias, 1.0f, nullptr, nullptr, scratch.v, widths.head);
  }
  PadRows(scratch.k, n, row_words);
  Transpose(scratch.k, row_words, n, WordsOf<Word>(size), scratch.keys, widths.keys);
  if (head.score_bias != nullptr) PackScoreBias(head.score_bias, n, scratch.bias);

  for (std::size_t i = 0, tile = 0; i < n; i += tile) {
    // Whole pairs of queries, as backward reads them: what is kept is then valid up to the last key
    // that either sees.
    tile = EvenPart(n - i, kQueryTile, Word::kDepth);
    const std::size_t keys = head.causal ? i + tile : n;
    const std::size_t vectors = vectors_of(keys);
    Start start;
    if (head.score_bias != nullptr) start = {scratch.bias + n - 1 - i, -1};
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
      const std::size_t visible = head.causal ? i + r + 1 : n;
      tops[r] = Largest(scratch.scores + r * widths.keys, visible, vectors);
    }
    for (std::size_t r = 0; r < tile; ++r) {
      Stored* kept = head.weights == nullptr ? nullptr : head.weights + (i + r) * widths.rows;
      inverse[r] = 1.0f / Powers<Word>(scratch.scores + r * widths.keys, tops[r], vectors, kept);
    }
    if (head.weights != nullptr) {
      auto* sums = reinterpret_cast<char*>(head.weights + n * widths.rows);
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
    UnpackRows(scratch.context, widths.head, inverse,
               Window<Stored>{head.context.data + i * head.context.stride, head.context.stride,
                              tile, size});
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
