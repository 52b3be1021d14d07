// oneDNN's product and the plain loops are one function.
#include "encoder/matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace posbench {
namespace {

template <class Real>
std::vector<Real> random_values(long n, std::string_view purpose) {
  Random random(23, purpose);
  std::vector<Real> values(static_cast<std::size_t>(n));
  for (Real& value : values) value = static_cast<Real>(static_cast<float>(random.normal()));
  return values;
}

struct Product {
  MatmulShape shape;
  long lda, ldb, ldc;

  // Row strides a little wider than the matrices, as heads inside a row of three hidden sizes are.
  explicit Product(const MatmulShape& s)
      : shape(s),
        lda((s.transpose_a ? s.m : s.k) + 3),
        ldb((s.transpose_b ? s.k : s.n) + 2),
        ldc(s.n + 1) {}

  template <class Real>
  std::vector<Real> compute(Real alpha, Real beta) const {
    const auto a = random_values<Real>((shape.transpose_a ? shape.k : shape.m) * lda, "a");
    const auto b = random_values<Real>((shape.transpose_b ? shape.n : shape.k) * ldb, "b");
    auto c = random_values<Real>(shape.m * ldc, "c");
    matmul(shape, alpha, a.data(), lda, b.data(), ldb, beta, c.data(), ldc);
    return c;
  }
};

TEST(Matmul, FloatAgreesWithDoubleForEveryFlagShapeAndStride) {
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const auto& [m, n, k] :
           {std::tuple{1L, 1L, 1L}, {3L, 5L, 7L}, {1L, 130L, 64L}, {64L, 33L, 200L}}) {
        for (const auto& [alpha, beta] : {std::pair{1.0, 0.0}, {0.5, 1.0}, {-2.0, 0.25}}) {
          const Product product({transpose_a, transpose_b, m, n, k});
          const auto exact = product.compute<double>(alpha, beta);
          const auto found =
              product.compute<float>(static_cast<float>(alpha), static_cast<float>(beta));
          // k roundings of 2^-24 on sums of k products of size 1.
          const double slack =
              0x1p-24 * static_cast<double>(k + 4) * (3 * std::sqrt(static_cast<double>(k)) + 4);
          for (std::size_t i = 0; i < exact.size(); ++i) {
            ASSERT_NEAR(static_cast<double>(found[i]), exact[i], slack)
                << transpose_a << transpose_b << " " << m << "×" << n << "×" << k << " at " << i;
          }
        }
      }
    }
  }
}

// By hand: (1 2; 3 4) (5 6; 7 8) = (19 22; 43 50).
TEST(Matmul, KnowsTwoByTwo) {
  const std::vector<double> a = {1, 2, 3, 4}, a_t = {1, 3, 2, 4}, b = {5, 6, 7, 8},
                            b_t = {5, 7, 6, 8};
  const std::vector<double> expected = {19, 22, 43, 50};
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      std::vector<double> c(4, NAN);  // β = 0 must not read what was there
      matmul({ta, tb, 2, 2, 2}, 1.0, (ta ? a_t : a).data(), 2, (tb ? b_t : b).data(), 2, 0.0,
             c.data(), 2);
      EXPECT_EQ(c, expected);
      std::vector<float> af(4), bf(4), cf(4, NAN);
      for (std::size_t i = 0; i < 4; ++i) {
        af[i] = static_cast<float>((ta ? a_t : a)[i]);
        bf[i] = static_cast<float>((tb ? b_t : b)[i]);
      }
      matmul({ta, tb, 2, 2, 2}, 1.0f, af.data(), 2, bf.data(), 2, 0.0f, cf.data(), 2);
      EXPECT_EQ(std::vector<double>(cf.begin(), cf.end()), expected);
    }
  }
}

}  // namespace
}  // namespace posbench
