// Where the numbers of a head of a sequence stand in the matrices of a batch.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernel/attention_head.h"
#include "kernel/attention_scratch.h"

namespace posbench::attention_detail {

inline std::size_t sequences(const AttentionShape& shape) {
  return shape.offsets.empty() ? 0 : shape.offsets.size() - 1;
}

inline std::size_t longest(const AttentionShape& shape) {
  std::size_t rows = 0;
  for (std::size_t s = 0; s < sequences(shape); ++s) rows = std::max(rows, visible_rows(shape, s));
  return rows;
}

// A head of a sequence: where its numbers begin.
struct Place {
  std::size_t row;      // first row
  std::size_t rows;     // visible ones
  std::size_t cached;   // those that are keys and values only
  std::size_t column;   // first column of a third of qkv, and of the context
  std::size_t head;     // 0 … H − 1
  std::size_t weights;  // in what forward keeps
};

// Calls body(place) for every sequence that has queries and every head, in order, and rest(first
// row, rows) for rows that are padding or belong to a sequence without queries.
template <class Body, class Rest>
void for_each_head(const AttentionShape& shape, Body body, Rest rest) {
  const std::size_t size = head_size(shape);
  std::size_t weights = 0;
  for (std::size_t s = 0; s < sequences(shape); ++s) {
    const auto row = static_cast<std::size_t>(shape.offsets[s]);
    const auto end = static_cast<std::size_t>(shape.offsets[s + 1]);
    const std::size_t cached = cached_rows(shape, s);
    const std::size_t rows = visible_rows(shape, s) > cached ? visible_rows(shape, s) : 0;
    for (std::size_t h = 0; rows > 0 && h < static_cast<std::size_t>(shape.heads); ++h) {
      body(Place{row, rows, cached, h * size, h, weights});
      weights += kept_per_head(rows - cached, rows);
    }
    if (row + rows < end) rest(row + rows, end - row - rows);
  }
}

// Rows from `first` on of a matrix of `width` columns become 0.
template <class T>
auto zeroing(T* matrix, std::size_t width) {
  return [=](std::size_t first, std::size_t rows) {
    std::fill_n(matrix + first * width, rows * width, T{});
  };
}

// The rows of a head of keys and values, or only those of its queries (behind the cached ones,
// which are set to 0).
template <class T>
Window<T> all_rows(T* first, std::size_t stride, const Place& at, std::size_t size) {
  return {first, stride, at.rows, size};
}
template <class T>
Window<T> queries(T* first, std::size_t stride, const Place& at, std::size_t size) {
  return {first + at.cached * stride, stride, at.rows - at.cached, size};
}
template <class T>
Window<T> zeroed_before_queries(T* first, std::size_t stride, const Place& at, std::size_t size) {
  for (std::size_t r = 0; r < at.cached; ++r) std::fill_n(first + r * stride, size, T{});
  return queries(first, stride, at, size);
}

template <class T>
T* shifted(T* pointer, std::size_t by) {
  return pointer == nullptr ? nullptr : pointer + by;
}

// `all` holds the terms, or their gradients, of all heads; `terms` says how far they reach.
template <class Real, class T>
TermPointers<T> at_head(const ScoreTerms<Real>& terms, TermPointers<T> all, std::size_t d,
                        const Place& at) {
  const auto distances = static_cast<std::size_t>(terms.by_distance.reach);
  const auto places = static_cast<std::size_t>(terms.by_place.reach);
  const auto relative = [&](T* values, long reach) {
    return shifted(values, static_cast<std::size_t>(reach) * d + at.column);
  };
  return {.by_distance = shifted(all.by_distance, at.head * (2 * distances - 1) + distances - 1),
          .by_place = shifted(all.by_place, at.head * places * places),
          .keys = relative(all.keys, terms.keys.reach),
          .values = relative(all.values, terms.values.reach),
          .query_shift = shifted(all.query_shift, at.column),
          .relative_shift = shifted(all.relative_shift, at.column)};
}

template <class Real>
TermPointers<const Real> pointers(const ScoreTerms<Real>& terms) {
  return {terms.by_distance.values, terms.by_place.values, terms.keys.values,
          terms.values.values,      terms.query_shift,     terms.relative_shift};
}

// Gradients of terms that are not there are nobody's.
template <class Real>
TermPointers<Real> pointers(const ScoreTermGradients<Real>& to, const ScoreTerms<Real>& terms) {
  return {to.by_distance,
          to.by_place,
          terms.keys.values == nullptr ? nullptr : to.keys,
          terms.values.values == nullptr ? nullptr : to.values,
          to.query_shift,
          to.relative_shift};
}

// A window of a head's term by place: from its first query on.
template <class T>
Window<T> place_window(T* values, long reach, const Place& at) {
  const auto places = static_cast<std::size_t>(reach);
  return {shifted(values, at.cached * places), places, at.rows - at.cached, at.rows};
}

// Relative vectors of a head from the lowest distance on.
template <class T>
Window<T> relative_window(T* at_distance_0, const Distances& distances, std::size_t d,
                          std::size_t size) {
  if (at_distance_0 == nullptr) return {};
  return {at_distance_0 + distances.lowest * static_cast<std::ptrdiff_t>(d), d, distances.count(),
          size};
}

inline bool has_any(const ScoreTerms<float>& terms) {
  return terms.by_distance.values != nullptr || terms.by_place.values != nullptr ||
         terms.keys.values != nullptr || terms.values.values != nullptr ||
         terms.query_shift != nullptr || terms.relative_shift != nullptr ||
         terms.content_scale != 1.0f;
}

inline HeadTerms head_terms(const AttentionShape& shape, const ScoreTerms<float>& terms,
                            const Place& at) {
  if (!has_any(terms)) return {};  // short sequences would notice the rest
  const auto d = static_cast<std::size_t>(shape.hidden);
  const TermPointers<const float> from = at_head(terms, pointers(terms), d, at);
  const auto relative = [&](const float* values, long reach) -> RelativeRows {
    if (values == nullptr) return {};
    const auto distances = Distances::within(reach, at.rows, shape.causal);
    return {relative_window(values, distances, d, head_size(shape)), distances};
  };
  return {.by_distance = from.by_distance,
          .by_place = place_window(from.by_place, terms.by_place.reach, at),
          .keys = relative(from.keys, terms.keys.reach),
          .values = relative(from.values, terms.values.reach),
          .query_shift = from.query_shift,
          .relative_shift = from.relative_shift,
          .content_scale = terms.content_scale};
}

inline HeadTermGradients head_gradients(const AttentionShape& shape, const ScoreTerms<float>& terms,
                                        const ScoreTermGradients<float>& dterms, const Place& at) {
  const auto d = static_cast<std::size_t>(shape.hidden);
  const TermPointers<float> to = at_head(terms, pointers(dterms, terms), d, at);
  const auto relative = [&](float* values, long reach) {
    const auto distances = Distances::within(reach, at.rows, shape.causal);
    return relative_window(values, distances, d, head_size(shape));
  };
  return {.by_distance = to.by_distance,
          .by_place = place_window(to.by_place, terms.by_place.reach, at),
          .keys = relative(to.keys, terms.keys.reach),
          .values = relative(to.values, terms.values.reach),
          .query_shift = to.query_shift,
          .relative_shift = to.relative_shift};
}

}  // namespace posbench::attention_detail
