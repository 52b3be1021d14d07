#include "encoder/matmul.h"

#include <dnnl.h>
#include <omp.h>

namespace posbench {
namespace {

// A trial is one thread (trials run side by side instead), and oneDNN takes its threads from
// OpenMP.
const bool kOneThread = [] {
  omp_set_num_threads(1);
  return true;
}();

}  // namespace

void matmul(const MatmulShape& shape, float alpha, const float* a, long lda, const float* b,
            long ldb, float beta, float* c, long ldc) {
  dnnl_sgemm(shape.transpose_a ? 'T' : 'N', shape.transpose_b ? 'T' : 'N', shape.m, shape.n,
             shape.k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void matmul(const MatmulShape& shape, double alpha, const double* a, long lda, const double* b,
            long ldb, double beta, double* c, long ldc) {
  for (long i = 0; i < shape.m; ++i) {
    for (long j = 0; j < shape.n; ++j) {
      double sum = 0;
      for (long p = 0; p < shape.k; ++p) {
        sum += (shape.transpose_a ? a[p * lda + i] : a[i * lda + p]) *
               (shape.transpose_b ? b[j * ldb + p] : b[p * ldb + j]);
      }
      c[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * ldc + j]);
    }
  }
}

}  // namespace posbench
