// Matrix products: oneDNN's sgemm in f32, three plain loops in f64 for gradient checks.
#pragma once

namespace posbench {

/// C (m, n) = alpha · op(A) (m, k) · op(B) (k, n) + beta · C, row-major, with row strides lda, ldb,
/// ldc; op transposes where the flag says so.
struct MatmulShape {
  bool transpose_a;
  bool transpose_b;
  long m;
  long n;
  long k;
};
void matmul(const MatmulShape& shape, float alpha, const float* a, long lda, const float* b,
            long ldb, float beta, float* c, long ldc);
void matmul(const MatmulShape& shape, double alpha, const double* a, long lda, const double* b,
            long ldb, double beta, double* c, long ldc);

}  // namespace posbench
