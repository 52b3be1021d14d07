// Rotary position encoding (Su 2021, RoFormer, equation 15): the queries and keys of a head turn in
// planes, by angles that grow with the position; what two of them have in common then depends on
// their distance alone.
//
// Method: one pass over the rows of qkv in place, which also adds the bias of the product before
// it. Precision: f32 arithmetic on a table of sines and cosines; bf16 is widened and rounded once.
// Bytes per element of Q and K: read and written once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/sum.h"

namespace posbench {

/// The angles, and which columns of a head form the planes.
template <class Real>
struct Rotation {
  const Real* cosines;  ///< (rows, rotated / 2)
  const Real* sines;    ///< (rows, rotated / 2)
  std::size_t rows;     ///< positions 0 … rows − 1
  std::size_t rotated;  ///< the first columns of each head, even; the others stay as they are
  bool pairs;           ///< planes of columns (2i, 2i + 1); else of (i, rotated / 2 + i)
};

/// qkv (T, 3d) += qkv_bias (3d; may be null), then Q and K turn by the angles of `positions` (T).
/// Throws UserError for a position outside the table.
void rotate(const Rotation<float>& rotation, std::span<const std::int32_t> positions, int hidden,
            int heads, const float* qkv_bias, float* qkv);
void rotate(const Rotation<float>& rotation, std::span<const std::int32_t> positions, int hidden,
            int heads, const float* qkv_bias, Bf16* qkv);
void rotate(const Rotation<double>& rotation, std::span<const std::int32_t> positions, int hidden,
            int heads, const double* qkv_bias, double* qkv);

/// The gradient before the rotation from that behind it, in place: dQ and dK turn back, then the
/// column sums of dqkv (T, 3d) are added to dqkv_bias (3d; may be null).
void rotate_backward(const Rotation<float>& rotation, std::span<const std::int32_t> positions,
                     int hidden, int heads, float* dqkv, float* dqkv_bias);
void rotate_backward(const Rotation<float>& rotation, std::span<const std::int32_t> positions,
                     int hidden, int heads, Bf16* dqkv, float* dqkv_bias);
void rotate_backward(const Rotation<double>& rotation, std::span<const std::int32_t> positions,
                     int hidden, int heads, double* dqkv, double* dqkv_bias);

}  // namespace posbench
