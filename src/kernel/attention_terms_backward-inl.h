// The gradients of the terms of the scores and of the context, for one head of one sequence,
// compiled once per instruction set (Highway's -inl.h idiom). Functions of their own, so that
// attention without terms keeps its registers.
#include <algorithm>

#include "kernel/attention_scratch.h"

#if defined(POSBENCH_ATTENTION_TERMS_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_ATTENTION_TERMS_BACKWARD_INL_H_
#undef POSBENCH_ATTENTION_TERMS_BACKWARD_INL_H_
#else
#define POSBENCH_ATTENTION_TERMS_BACKWARD_INL_H_
#endif

#include <hwy/highway.h>

#include "kernel/attention_pack-inl.h"
#include "kernel/attention_relative-inl.h"
#include "kernel/matrix_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using attention_detail::BackwardHead;
using attention_detail::TermWidths;
using attention_detail::Widths;

// The terms as their products read them, and zeros where gradients gather; `scale` is that of
// queries and keys.
template <class Word, class Stored>
HWY_NOINLINE void PackTerms(const BackwardHead<Stored>& head,
                            const attention_detail::BackwardScratch& scratch, const Widths& widths,
                            const TermWidths& term_widths, float scale) {
  const HeadTerms& terms = head.terms;
  const std::size_t size = head.k.columns;
  if (terms.keys.rows.rows > 0) {
    float* sum = scratch.shifts + (terms.has_shifts() ? widths.head : 0);
    const float* bias = Shifted(head.q_bias, terms.relative_shift, size, sum);
    PackRows(head.q, bias, scale, scratch.relative_q, widths.head);
    PackRelativeRows(terms.keys, scale, term_widths.keys.packed, widths.head,
                     scratch.relative_keys);
    std::fill_n(scratch.drelative_keys, terms.keys.rows.rows * widths.head, 0.0f);
  }
  if (terms.values.rows.rows > 0) {
    PackRelativeColumns<Word>(terms.values, term_widths.values.packed, widths.head,
                              scratch.relative_rows, scratch.relative_values);
    if constexpr (Word::kDepth > 1) {
      PackRows(head.dcontext, scratch.inverse, scratch.relative_dcontext, widths.head);
    }
    std::fill_n(scratch.drelative_values, terms.values.rows.rows * widths.head, 0.0f);
  }
  if (terms.has_shifts()) std::fill_n(scratch.dshifts, 2 * widths.head, 0.0f);
  if (head.dterms.by_distance != nullptr) std::fill_n(scratch.dbias, 2 * widths.rows, 0.0f);
}

// What the slopes of a tile, dO' Vᵀ, start from: dO' times the relative values.
template <class Word, class Stored>
HWY_NOINLINE Start StartOfSlopes(const BackwardHead<Stored>& head,
                                 const attention_detail::BackwardScratch& scratch,
                                 const Widths& widths, const TermWidths& term_widths, std::size_t i,
                                 std::size_t tile, std::size_t keys, float* slopes) {
  const RelativeProducts<Word> products{scratch.relative_values, term_widths.values.packed,
                                        WordsOf<Word>(head.k.columns), scratch.relative_slopes,
                                        term_widths.values.band};
  const std::size_t lanes = hn::Lanes(D()), place = head.cached() + i;
  const std::size_t row_words = widths.head / Word::kDepth;
  const float* rows = Word::kDepth == 1 ? scratch.dcontext : scratch.dcontext_rows;
  const Band band(head.terms.values.distances, place, tile, keys, head.causal);
  return products.start(rows + i * row_words, row_words, band, place, tile,
                        (keys + lanes - 1) / lanes, false, slopes, widths.keys);
}

// sums += by_distanceᵀ · rows: the share of a tile, folded by distance, in the gradient of the
// relative vectors.
HWY_INLINE void AddByDistance(const float* by_distance, std::size_t width, const Band& band,
                              const float* rows, std::size_t head_width, std::size_t tile,
                              std::size_t vectors, float* sums) {
  sums += band.column * head_width;
  Multiply<Singles, ByColumns>({{by_distance, width},
                                rows,
                                head_width,
                                tile,
                                {sums, static_cast<std::ptrdiff_t>(head_width)},
                                sums,
                                head_width},
                               band.count, vectors);
}

// to += from (to.rows, width).
HWY_INLINE void AddRows(const float* from, std::size_t width, const Window<float>& to) {
  for (std::size_t r = 0; r < to.rows; ++r) {
    const float* row = from + r * width;
    float* sums = to.data + r * to.stride;
    for_each_vector(to.columns, [&](std::size_t, auto load, auto store)
                                    HWY_ATTR { store(hn::Add(load(sums), load(row)), sums); });
  }
}

// A tile's share in the gradients of the terms, from `slopes`, its dS. Returns what its dQ starts
// from.
template <class Word, class Stored>
HWY_NOINLINE Start AddTileToTerms(const BackwardHead<Stored>& head,
                                  const attention_detail::BackwardScratch& scratch,
                                  const Widths& widths, const TermWidths& term_widths,
                                  std::size_t i, std::size_t tile, std::size_t keys,
                                  const float* slopes) {
  const HeadTerms& terms = head.terms;
  const attention_detail::HeadTermGradients& to = head.dterms;
  const std::size_t n = head.k.rows, size = head.k.columns, place = head.cached() + i;
  const std::size_t size_vectors = (size + hn::Lanes(D()) - 1) / hn::Lanes(D());
  const auto seen_by = [&](std::size_t r) { return head.causal ? place + r + 1 : n; };
  for (std::size_t r = 0; r < tile; ++r) {
    const auto add_to = [&](float* sums) HWY_ATTR {
      AddRows(slopes + r * widths.keys, 0, {sums, 0, 1, seen_by(r)});
    };
    if (to.by_distance != nullptr) add_to(scratch.dbias + n - 1 - (place + r));
    if (to.by_place.data != nullptr) add_to(to.by_place.data + (i + r) * to.by_place.stride);
  }
  if (terms.values.rows.rows > 0) {
    const Band band(terms.values.distances, place, tile, keys, head.causal);
    const std::size_t width = term_widths.values.band;
    for (std::size_t r = 0; r < tile; ++r) {
      Fold(head.weights + (i + r) * widths.rows, seen_by(r), band, place + r,
           scratch.by_distance + r * width);
    }
    const float* rows = Word::kDepth == 1 ? scratch.dcontext : scratch.relative_dcontext;
    AddByDistance(scratch.by_distance, width, band, rows + i * widths.head, widths.head, tile,
                  size_vectors, scratch.drelative_values);
  }
  if (terms.keys.rows.rows == 0) return {};
  const Band band(terms.keys.distances, place, tile, keys, head.causal);
  const std::size_t width = term_widths.keys.band;
  for (std::size_t r = 0; r < tile; ++r) {
    Fold(slopes + r * widths.keys, seen_by(r), band, place + r, scratch.by_distance + r * width);
  }
  AddByDistance(scratch.by_distance, width, band, scratch.relative_q + i * widths.head, widths.head,
                tile, size_vectors, scratch.drelative_keys);
  float* dq = scratch.dq + i * widths.head;
  Multiply<Singles, ByRows>({{scratch.by_distance, width},
                             scratch.relative_keys + band.column * widths.head,
                             widths.head,
                             band.count,
                             {},
                             dq,
                             widths.head},
                            tile, size_vectors);
  for (std::size_t r = 0; r < tile && terms.has_shifts(); ++r) {
    AddRows(dq + r * widths.head, 0, {scratch.dshifts + widths.head, 0, 1, size});
  }
  return {dq, static_cast<std::ptrdiff_t>(widths.head)};
}

// What the loop over the queries has gathered reaches its places.
template <class Stored>
HWY_NOINLINE void AddTermGradients(const BackwardHead<Stored>& head,
                                   const attention_detail::BackwardScratch& scratch,
                                   const Widths& widths) {
  const attention_detail::HeadTermGradients& to = head.dterms;
  const std::size_t n = head.k.rows, queries = head.q.rows, size = head.k.columns;
  if (to.by_distance != nullptr) {
    AddRows(scratch.dbias, 0, {to.by_distance - (n - 1), 0, 1, 2 * n - 1});
  }
  if (to.keys.data != nullptr) AddRows(scratch.drelative_keys, widths.head, to.keys);
  if (to.values.data != nullptr) AddRows(scratch.drelative_values, widths.head, to.values);
  if (!head.terms.has_shifts()) return;
  // The sum of all dQ is that of the part by key and that of the relative part.
  float* all = scratch.dshifts;
  const float* relative = scratch.dshifts + widths.head;
  for (std::size_t r = 0; r < queries; ++r) {
    AddRows(scratch.dq + r * widths.head, 0, {all, 0, 1, size});
  }
  for (std::size_t c = 0; c < size; ++c) {
    if (to.query_shift != nullptr) to.query_shift[c] += all[c] - relative[c];
    if (to.relative_shift != nullptr) to.relative_shift[c] += relative[c];
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
