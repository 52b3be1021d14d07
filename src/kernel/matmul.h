// Matrix products by oneDNN, in f32 and bf16; three plain loops in f64 for gradient checks.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "kernel/sum.h"

namespace posbench {

/// C (m, n) = op(A) (m, k) · op(B) (k, n), or C += that; row-major without gaps; op transposes
/// where the flag says so.
struct MatmulShape {
  bool transpose_a;
  bool transpose_b;
  std::size_t m;
  std::size_t n;
  std::size_t k;
  bool adds;  ///< C += instead of C =

  auto operator<=>(const MatmulShape&) const = default;
};

/// The products of one encoder. Each shape's primitive and its map of arguments are made when the
/// shape is first met (0.1 to 0.5 ms) and kept: a call then costs under a microsecond beside the
/// arithmetic and allocates nothing. Serves one thread.
class Matmul {
 public:
  Matmul();
  ~Matmul();
  Matmul(const Matmul&) = delete;
  Matmul& operator=(const Matmul&) = delete;

  void operator()(const MatmulShape& shape, const float* a, const float* b, float* c);
  /// bf16 operands, products summed in f32. Throws UserError where this CPU, or the instruction set
  /// asked for, has no AVX-512.
  void operator()(const MatmulShape& shape, const Bf16* a, const Bf16* b, float* c);
  void operator()(const MatmulShape& shape, const Bf16* a, const Bf16* b, Bf16* c);
  void operator()(const MatmulShape& shape, const double* a, const double* b, double* c);

  /// The same where B holds weights, which stay as they are until weights_changed(): they are
  /// copied once into the layout that the product likes best, which saves it a few percent of its
  /// time.
  template <class Operand, class Result>
  void by_weights(const MatmulShape& shape, const Operand* a, const Operand* weights, Result* c);
  void weights_changed() { ++generation_; }

  /// Bytes of oneDNN's working memory, which the products met so far share.
  std::size_t scratch_bytes() const;

 private:
  struct OneDnn;
  std::unique_ptr<OneDnn> one_dnn_;
  std::uint64_t generation_ = 0;
};

}  // namespace posbench
