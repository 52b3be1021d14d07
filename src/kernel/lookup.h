// The learned encoding's kernel: add rows of a table to the tokens of a batch; and the plain copy
// that is its limit.
//
// Method: f32 by Highway with run-time dispatch, f64 by the scalar reference
// (kernel/lookup_scalar.h), which the f32 versions equal bit for bit, for one addition an element
// leaves nothing to round differently. Traffic: 12 bytes an element (read x, read a row, write y)
// in the worst case; the slice form reads each row from the far caches once and from L1 for the
// rest of the batch. Any d ≥ 1; nothing need be aligned. y may be x (in place), but must not
// overlap it otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace posbench {

/// (B, L, d)
struct BatchShape {
  std::size_t batch;
  std::size_t length;
  std::size_t hidden;
  std::size_t tokens() const { return batch * length; }
  std::size_t elements() const { return batch * length * hidden; }
};

/// Row-major table (rows, d).
template <class Real>
struct Table {
  const Real* values;
  std::size_t rows;
  std::size_t hidden;
  std::int32_t first = 0;  ///< the position id of row 0
};

/// y (n) = x (n).
void copy_floats(const float* x, std::size_t n, float* y);

/// y (B, L, d) = x (B, L, d) + rows (L, d), the same rows for every batch element.
void add_rows(const float* x, const float* rows, BatchShape shape, float* y);

/// y (B, L, d) = x + table rows first … first + L − 1: the slice of BERT's own code.
/// Throws UserError where the slice leaves the table.
void add_slice(const float* x, const Table<float>& table, std::size_t first, BatchShape shape,
               float* y);

/// y (T, d) = x (T, d) + the table's row for ids[t], ids (T). Throws UserError for an id outside
/// the table before anything is read or written.
void add_gather(const float* x, const Table<float>& table, std::span<const std::int32_t> ids,
                float* y);
void add_gather(const double* x, const Table<double>& table, std::span<const std::int32_t> ids,
                double* y);

/// Row ids[t] of gradients (rows, d) += row t of dx (T, d), in the order of t: the gradient of
/// add_gather. Throws UserError for an id outside.
void scatter_add(const float* dx, std::span<const std::int32_t> ids, std::size_t rows,
                 std::size_t hidden, float* gradients);
void scatter_add(const double* dx, std::span<const std::int32_t> ids, std::size_t rows,
                 std::size_t hidden, double* gradients);

/// Throws UserError where some id is not in first … first + rows − 1, naming it and the table's
/// length.
void require_ids_inside(std::span<const std::int32_t> ids, std::size_t rows,
                        std::int32_t first = 0);

}  // namespace posbench
