#include "encoder/attention.h"

#include <algorithm>
#include <cmath>

#include "encoder/matmul.h"
#include "kernel/vector_ops.h"

namespace posbench {
namespace {

// Calls body(row, n, head, weights_offset) for every sequence and head, in order.
template <class Body>
void for_each_head(const AttentionShape& shape, Body body) {
  std::size_t weights_offset = 0;
  for (std::size_t s = 0; s + 1 < shape.offsets.size(); ++s) {
    const long row = shape.offsets[s];
    const long n = shape.offsets[s + 1] - row;
    for (long head = 0; head < shape.heads; ++head) {
      body(row, n, head, weights_offset);
      weights_offset += static_cast<std::size_t>(n * n);
    }
  }
}

template <class Real>
Real score_scale(const AttentionShape& shape) {
  return 1 / std::sqrt(static_cast<Real>(shape.head_size()));
}

}  // namespace

std::size_t AttentionShape::weights() const {
  std::size_t sum = 0;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    const auto n = static_cast<std::size_t>(offsets[s + 1] - offsets[s]);
    sum += static_cast<std::size_t>(heads) * n * n;
  }
  return sum;
}

template <class Real>
void attention(const AttentionShape& shape, const Real* qkv, Real* weights, Real* context) {
  const long d = shape.hidden, size = shape.head_size();
  for_each_head(shape, [&](long row, long n, long head, std::size_t at) {
    const Real* q = qkv + row * 3 * d + head * size;
    const Real* k = q + d;
    const Real* v = k + d;
    Real* p = weights + at;
    matmul({false, true, n, n, size}, Real{1}, q, 3 * d, k, 3 * d, Real{0}, p, n);
    softmax(p, static_cast<std::size_t>(n), static_cast<std::size_t>(n), score_scale<Real>(shape));
    matmul({false, false, n, size, n}, Real{1}, p, n, v, 3 * d, Real{0},
           context + row * d + head * size, d);
  });
}

template <class Real>
void attention_backward(const AttentionShape& shape, const Real* qkv, const Real* weights,
                        const Real* dcontext, Arena<Real>& arena, Real* dqkv) {
  const long d = shape.hidden, size = shape.head_size();
  long longest = 0;
  for (std::size_t s = 0; s + 1 < shape.offsets.size(); ++s) {
    longest = std::max<long>(longest, shape.offsets[s + 1] - shape.offsets[s]);
  }
  Real* dp = arena.take(static_cast<std::size_t>(longest * longest));
  for_each_head(shape, [&](long row, long n, long head, std::size_t at) {
    const Real* q = qkv + row * 3 * d + head * size;
    const Real* k = q + d;
    const Real* v = k + d;
    Real* dq = dqkv + row * 3 * d + head * size;
    Real* dk = dq + d;
    Real* dv = dk + d;
    const Real* p = weights + at;
    const Real* dout = dcontext + row * d + head * size;
    matmul({true, false, n, size, n}, Real{1}, p, n, dout, d, Real{0}, dv, 3 * d);
    matmul({false, true, n, n, size}, Real{1}, dout, d, v, 3 * d, Real{0}, dp, n);
    softmax_backward(p, dp, static_cast<std::size_t>(n), static_cast<std::size_t>(n),
                     score_scale<Real>(shape));
    matmul({false, false, n, size, n}, Real{1}, dp, n, k, 3 * d, Real{0}, dq, 3 * d);
    matmul({true, false, n, size, n}, Real{1}, dp, n, q, 3 * d, Real{0}, dk, 3 * d);
  });
}

template void attention(const AttentionShape&, const float*, float*, float*);
template void attention(const AttentionShape&, const double*, double*, double*);
template void attention_backward(const AttentionShape&, const float*, const float*, const float*,
                                 Arena<float>&, float*);
template void attention_backward(const AttentionShape&, const double*, const double*, const double*,
                                 Arena<double>&, double*);

}  // namespace posbench
