// Attention backward, one head of one sequence, compiled once per instruction set (Highway's -inl.h
// idiom).
//
// Forward kept p = 2^(score − the row's largest) and r = 1 / Σ p, so that the weights are P = r p.
// With dO' = r dO, the gradients of the weights never need r again:
//   dV = Pᵀ dO = pᵀ dO'
//   dS = P ∘ (dO Vᵀ − D) = p ∘ (dO' Vᵀ − D'),   D' = r Σ p ∘ (dO' Vᵀ) by row
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernel/attention_scratch.h"

#if defined(POSBENCH_ATTENTION_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_ATTENTION_BACKWARD_INL_H_
#undef POSBENCH_ATTENTION_BACKWARD_INL_H_
#else
#define POSBENCH_ATTENTION_BACKWARD_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/attention_pack-inl.h"
#include "kernel/attention_terms_backward-inl.h"
#include "kernel/matrix_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention_detail::BackwardHead;
using attention_detail::kQueryBlock;
using attention_detail::kQueryTile;
using attention_detail::TermWidths;
using attention_detail::Widths;

// slope, a row of dO' Vᵀ, becomes the row of dS; p gets the row that forward kept.
template <class Stored>
HWY_INLINE void ScoreGradient(const Stored* HWY_RESTRICT kept, float inverse, std::size_t vectors,
                              float* HWY_RESTRICT p, float* HWY_RESTRICT slope) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V dot = hn::Zero(d);
  for (std::size_t v = 0; v < vectors; ++v) {
    const V power = Load(kept + v * lanes);
    hn::StoreU(power, d, p + v * lanes);
    dot = hn::MulAdd(power, hn::LoadU(d, slope + v * lanes), dot);
  }
  const V mean = hn::Mul(hn::SumOfLanes(d, dot), hn::Set(d, inverse));
  for (std::size_t v = 0; v < vectors; ++v) {
    const V gap = hn::Sub(hn::LoadU(d, slope + v * lanes), mean);
    hn::StoreU(hn::Mul(hn::LoadU(d, p + v * lanes), gap), d, slope + v * lanes);
  }
}

// One of two rows whose gradients are taken together: what forward kept of it, and where its dS
// goes in f32 and in bf16.
struct RowOfTwo {
  const Bf16* kept;
  float inverse;
  float* slope;
  Bf16* row;
};

#if HWY_TARGET == HWY_AVX3
// ScoreGradient for two rows, which may be one and the same. slope becomes dS only where `keeps`; p
// and ds get words of both rows, key by key.
HWY_INLINE void ScoreGradients(const RowOfTwo& first, const RowOfTwo& second, std::size_t vectors,
                               bool keeps, float* p, float* ds) {
  const D d;
  const hn::Rebind<std::uint16_t, D> narrow;
  const std::size_t lanes = hn::Lanes(d);
  V dot0 = hn::Zero(d), dot1 = hn::Zero(d);
  for (std::size_t at = 0; at < vectors * lanes; at += lanes) {
    dot0 = hn::MulAdd(Load(first.kept + at), hn::LoadU(d, first.slope + at), dot0);
    dot1 = hn::MulAdd(Load(second.kept + at), hn::LoadU(d, second.slope + at), dot1);
  }
  const V mean0 = hn::Mul(hn::SumOfLanes(d, dot0), hn::Set(d, first.inverse));
  const V mean1 = hn::Mul(hn::SumOfLanes(d, dot1), hn::Set(d, second.inverse));
  for (std::size_t at = 0; at < vectors * lanes; at += lanes) {
    const auto gradient = [&](const RowOfTwo& of, V mean) HWY_ATTR {
      return hn::Mul(Load(of.kept + at), hn::Sub(hn::LoadU(d, of.slope + at), mean));
    };
    const auto bits = [&](const RowOfTwo& of) HWY_ATTR {
      return hn::LoadU(narrow, reinterpret_cast<const std::uint16_t*>(of.kept + at));
    };
    const V ds0 = gradient(first, mean0), ds1 = gradient(second, mean1);
    const auto rounded0 = RoundInOne(ds0), rounded1 = RoundInOne(ds1);
    hn::StoreU(Interleave(bits(first), bits(second)), d, p + at);
    hn::StoreU(Interleave(rounded0, rounded1), d, ds + at);
    SaveBits<Store::kPlain>(rounded0, first.row + at);
    SaveBits<Store::kPlain>(rounded1, second.row + at);
    if (keeps) {
      hn::StoreU(ds0, d, first.slope + at);
      hn::StoreU(ds1, d, second.slope + at);
    }
  }
}
#endif

// dK and dV (+)= the share of `rows` queries from `first` on, whose p and dS stand in scratch.
// Causal: keys go in stripes, each of which leaves out the queries that see none of it; `first` is
// at `place` in the sequence.
template <class Word>
HWY_INLINE void AddToKeysAndValues(const attention_detail::BackwardScratch& scratch,
                                   const Widths& widths, std::size_t first, std::size_t rows,
                                   std::size_t place, std::size_t keys, std::size_t size_vectors,
                                   bool causal, bool adds) {
  const std::size_t stripe = causal ? 2 * kQueryTile : keys;
  for (std::size_t j = 0; j < keys; j += stripe) {
    // Whole words.
    const std::size_t skipped = causal && j > place ? (j - place) / Word::kDepth * Word::kDepth : 0;
    const std::size_t columns = HWY_MIN(stripe, keys - j);
    const auto add = [&](const float* a, const float* b, float* sums) HWY_ATTR {
      sums += j * widths.head;
      Start start;
      if (adds) start = {sums, static_cast<std::ptrdiff_t>(widths.head)};
      Multiply<Word, ByColumns>({{a + skipped / Word::kDepth * widths.keys + j, widths.keys},
                                 b + (first + skipped) / Word::kDepth * widths.head,
                                 widths.head,
                                 WordsOf<Word>(rows - skipped),
                                 start,
                                 sums,
                                 widths.head},
                                columns, size_vectors);
    };
    add(scratch.p, scratch.dcontext, scratch.dv);
    add(scratch.ds, scratch.q, scratch.dk);
  }
}

// Everything as the products read it: Q, K and dO' by columns (of words), dO' by rows, Vᵀ, the
// relative vectors.
template <class Word, class Stored>
HWY_INLINE void PackInputs(const BackwardHead<Stored>& head,
                           const attention_detail::BackwardScratch& scratch, const Widths& widths,
                           const TermWidths& term_widths) {
  const HeadTerms& terms = head.terms;
  const std::size_t size = head.k.columns;
  // dQ = scale · dS K and dK = scale · dSᵀ Q.
  const float scale = terms.content_scale / std::sqrt(static_cast<float>(size));
  const std::size_t row_words = widths.head / Word::kDepth;
  const float* q_bias = Shifted(head.q_bias, terms.query_shift, size, scratch.shifts);
  if constexpr (Word::kDepth == 1) {
    PackRows(head.q, q_bias, scale, scratch.q, widths.head);
    PackRows(head.k, head.k_bias, scale, scratch.k, widths.head);
    PackRows(head.v, head.v_bias, 1.0f, scratch.v, widths.head);
    PackRows(head.dcontext, scratch.inverse, scratch.dcontext, widths.head);
  } else {
    auto* v = reinterpret_cast<Bf16*>(scratch.v);
    auto* dcontext = reinterpret_cast<Bf16*>(scratch.dcontext_rows);
    PackPairs(head.q, q_bias, scale, nullptr, nullptr, scratch.q, widths.head);
    PackPairs(head.k, head.k_bias, scale, nullptr, nullptr, scratch.k, widths.head);
    PackPairs(head.v, head.v_bias, 1.0f, nullptr, v, nullptr, widths.head);
    PackPairs(head.dcontext, nullptr, 1.0f, scratch.inverse, dcontext, scratch.dcontext,
              widths.head);
  }
  PadRows(scratch.v, head.v.rows, row_words);
  Transpose(scratch.v, row_words, head.v.rows, WordsOf<Word>(size), scratch.values, widths.keys);
  if (head.has_terms()) PackTerms<Word>(head, scratch, widths, term_widths, scale);
}

template <class Word, class Stored>
void Backward(const BackwardHead<Stored>& head, const attention_detail::BackwardScratch& scratch) {
  const std::size_t lanes = hn::Lanes(D());
  const std::size_t queries = head.q.rows, n = head.k.rows, size = head.k.columns;
  const std::size_t cached = head.cached();
  const HeadTerms& terms = head.terms;
  const bool keeps_gradients = head.dterms.by_distance != nullptr ||
                               head.dterms.by_place.data != nullptr || terms.keys.rows.rows > 0;
  const Widths widths(queries, n, size);
  const TermWidths term_widths(terms, n);
  const auto vectors_of = [lanes](std::size_t count) { return (count + lanes - 1) / lanes; };
  std::memcpy(scratch.inverse, head.weights + queries * widths.rows, queries * sizeof(float));
  PackInputs<Word>(head, scratch, widths, term_widths);

  // Single words of a row are those of its columns.
  const std::size_t row_words = widths.head / Word::kDepth;
  const float* dcontext_rows = Word::kDepth == 1 ? scratch.dcontext : scratch.dcontext_rows;
  const bool adds = queries > kQueryBlock;
  if (adds) {
    std::fill_n(scratch.dk, n * widths.head, 0.0f);
    std::fill_n(scratch.dv, n * widths.head, 0.0f);
  }
  for (std::size_t first = 0, block = 0; first < queries; first += block) {
    block = EvenPart(queries - first, kQueryBlock, Word::kDepth);
    const std::size_t block_keys = head.causal ? cached + first + block : n;
    for (std::size_t i = first, tile = 0; i < first + block; i += tile) {
      tile = EvenPart(first + block - i, kQueryTile, Word::kDepth);
      const std::size_t place = cached + i;
      const std::size_t keys = head.causal ? place + tile : n;
      const std::size_t vectors = vectors_of(keys);
      const auto seen_by = [&](std::size_t r) { return head.causal ? place + r + 1 : n; };
      float* p = scratch.p + (i - first) / Word::kDepth * widths.keys;
      float* ds = scratch.ds + (i - first) / Word::kDepth * widths.keys;
      // … and those of dS take the place of the slopes they come from.
      float* slopes = Word::kDepth == 1 ? ds : scratch.slopes;
      float* ds_rows = Word::kDepth == 1 ? ds : scratch.ds_rows;
      const std::size_t ds_words = widths.keys / Word::kDepth;
      Start start;
      if (terms.values.rows.rows > 0) {
        start = StartOfSlopes<Word>(head, scratch, widths, term_widths, i, tile, keys, slopes);
      }
      Multiply<Word, ByRows>({{dcontext_rows + i * row_words, row_words},
                              scratch.values,
                              widths.keys,
                              WordsOf<Word>(size),
                              start,
                              slopes,
                              widths.keys},
                             tile, vectors);
      for (std::size_t r = 0; r < tile; r += Word::kDepth, p += widths.keys, ds += widths.keys) {
        const std::size_t last = HWY_MIN(r + Word::kDepth, tile) - 1;
        const std::size_t seen_vectors = vectors_of(seen_by(last));
        if constexpr (Word::kDepth == 1) {
          ScoreGradient(head.weights + (i + r) * widths.rows, scratch.inverse[i + r], seen_vectors,
                        p, ds);
        } else {
          // A row without a partner is its own, and meets zeros in the products.
          const auto row = [&](std::size_t at) HWY_ATTR {
            float* to = ds_rows + at * ds_words;
            std::fill(to + seen_vectors * lanes / 2, to + vectors * lanes / 2, 0.0f);
            return RowOfTwo{head.weights + (i + at) * widths.rows, scratch.inverse[i + at],
                            slopes + at * widths.keys, reinterpret_cast<Bf16*>(to)};
          };
          ScoreGradients(row(r), row(last), seen_vectors, keeps_gradients, p, ds);
        }
        if (seen_vectors * lanes < block_keys) {
          std::fill(p + seen_vectors * lanes, p + block_keys, 0.0f);
          std::fill(ds + seen_vectors * lanes, ds + block_keys, 0.0f);
        }
      }
      float* dq = scratch.dq + i * widths.head;
      Start dq_start;
      if (head.has_terms()) {
        dq_start = AddTileToTerms<Word>(head, scratch, widths, term_widths, i, tile, keys, slopes);
      }
      Multiply<Word, ByRows>({{ds_rows, ds_words},
                              scratch.k,
                              widths.head,
                              WordsOf<Word>(keys),
                              dq_start,
                              dq,
                              widths.head},
                             tile, vectors_of(size));
    }
    AddToKeysAndValues<Word>(scratch, widths, first, block, cached + first, block_keys,
                             vectors_of(size), head.causal, adds);
  }
  UnpackGradient(scratch.dq, widths.head, head.dq, head.dq_bias);
  UnpackGradient(scratch.dk, widths.head, head.dk, head.dk_bias);
  UnpackGradient(scratch.dv, widths.head, head.dv, head.dv_bias);
  if (head.has_terms()) AddTermGradients(head, scratch, widths);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
