// The learned encoding's kernels: add rows of a table to the tokens of a batch; and the streams
// that are their limits.
//
// The ladder of versions, each out of place or in place (y is x), and with plain or non-temporal
// stores (kernel/sum.h):
// - scalar: plain loops (kernel/lookup_scalar.h), the reference and the f64 path.
// - slice: rows first … first + L − 1, which all batch elements share, walked in one of three ways:
//   in tiles of 256 KiB, of which the first element brings a tile into L2 and the others find it
//   there; in L1 tiles of 8 KiB, at the price of a new start in x and y every 8 KiB; or in groups,
//   each vector of a row read once for four batch elements at once.
// - gather: one row for each token by its id; nothing is known about repetitions.
//
// Method: one addition an element, by Highway with run-time dispatch; tables, x and y in f32 or
// bf16. Precision: f32 equals the scalar reference bit for bit, for one addition leaves nothing to
// round differently; bf16 is added in f32 and rounded once. Traffic in f32: 4 bytes of x read and 4
// of y written an element, and 4 / B of the table; plain stores out of place read the line that
// they overwrite, 4 bytes more. bf16: half of that. Any d ≥ 1; nothing need be aligned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kernel/sum.h"

namespace posbench {

/// Row-major table (rows, d).
template <class Real>
struct Table {
  const Real* values;
  std::size_t rows;
  std::size_t hidden;
  std::int32_t first = 0;  ///< the position id of row 0
};

/// In which order a slice meets the batch.
enum class Walk { kTiles, kL1Tiles, kGroups };

/// y (B, L, d) = x (B, L, d) + rows (L, d), the same rows for every batch element.
void add_rows(const Sum<float>& sum, const float* rows, Walk walk = Walk::kTiles,
              Store store = Store::kPlain);
void add_rows(const Sum<float>& sum, const Bf16* rows, Walk walk = Walk::kTiles,
              Store store = Store::kPlain);
void add_rows(const Sum<Bf16>& sum, const Bf16* rows, Walk walk = Walk::kTiles,
              Store store = Store::kPlain);

/// add_rows with the table's rows first … first + L − 1: the slice of BERT's own code. Throws
/// UserError where the slice leaves the table.
template <class T, class P>
void add_slice(const Sum<T>& sum, const Table<P>& table, std::size_t first,
               Walk walk = Walk::kTiles, Store store = Store::kPlain);

/// y (T, d) = x (T, d) + the table's row for ids[t], ids (T). Throws UserError for an id outside
/// the table before anything is read or written.
void add_gather(const float* x, const Table<float>& table, std::span<const std::int32_t> ids,
                float* y, Store store = Store::kPlain);
void add_gather(const Bf16* x, const Table<Bf16>& table, std::span<const std::int32_t> ids, Bf16* y,
                Store store = Store::kPlain);
void add_gather(const double* x, const Table<double>& table, std::span<const std::int32_t> ids,
                double* y);

/// Row ids[t] of gradients (rows, d) += row t of dx (T, d), in the order of t: the gradient of
/// add_gather. Throws UserError for an id outside.
void scatter_add(const float* dx, std::span<const std::int32_t> ids, std::size_t rows,
                 std::size_t hidden, float* gradients);
void scatter_add(const double* dx, std::span<const std::int32_t> ids, std::size_t rows,
                 std::size_t hidden, double* gradients);

/// Some id that is not in first … first + rows − 1; nothing where all are.
std::optional<std::int32_t> id_outside(std::span<const std::int32_t> ids, std::size_t rows,
                                       std::int32_t first = 0);

/// Throws UserError where some id is not in first … first + rows − 1, naming it and the table's
/// length.
void require_ids_inside(std::span<const std::int32_t> ids, std::size_t rows,
                        std::int32_t first = 0);

/// Throws UserError where positions first … first + length − 1 leave a table of `rows` rows.
void require_slice_inside(std::size_t first, std::size_t length, std::size_t rows);

template <class T, class P>
void add_slice(const Sum<T>& sum, const Table<P>& table, std::size_t first, Walk walk,
               Store store) {
  require_slice_inside(first, sum.shape.length, table.rows);
  add_rows(sum, table.values + first * table.hidden, walk, store);
}

// The streams: what the machine can move at best in each mix of reads and writes. (n)

/// y = x; for f32 and, as bytes, for anything else.
void stream_copy(const float* x, std::size_t n, float* y, Store store = Store::kPlain);
/// y = x + z; y may be x.
void stream_add(const float* x, const float* z, std::size_t n, float* y,
                Store store = Store::kPlain);
/// x = x + a.
void stream_update(float* x, std::size_t n, float a);

}  // namespace posbench
