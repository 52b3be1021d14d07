// oneDNN's products and the plain loops are one function.
#include "kernel/matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <dnnl.hpp>
#include <tuple>
#include <vector>

#include "base/random.h"

namespace posbench {
namespace {

// Values that every precision holds exactly: bf16 numbers of size 1.
template <class T>
std::vector<T> random_values(std::size_t n, std::string_view purpose) {
  Random random(23, purpose);
  std::vector<T> values(n);
  for (T& value : values) {
    const Bf16 rounded = to_bf16(static_cast<float>(random.normal()));
    if constexpr (std::is_same_v<T, Bf16>)
      value = rounded;
    else
      value = static_cast<T>(to_float(rounded));
  }
  return values;
}

template <class Operand, class Result>
std::vector<double> compute(Matmul& matmul, const MatmulShape& shape) {
  const auto a = random_values<Operand>(shape.m * shape.k, "a");
  const auto b = random_values<Operand>(shape.k * shape.n, "b");
  auto c = random_values<Result>(shape.m * shape.n, "c");
  matmul(shape, a.data(), b.data(), c.data());
  std::vector<double> found;
  for (const Result value : c) {
    if constexpr (std::is_same_v<Result, double>)
      found.push_back(value);
    else
      found.push_back(static_cast<double>(to_float(value)));
  }
  return found;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& exact,
                 const MatmulShape& shape, double relative) {
  const auto k = static_cast<double>(shape.k);
  // k roundings of 2^-24 on sums of k products of size 1, and the result's own rounding.
  const double slack = 0x1p-24 * (k + 4) * (3 * std::sqrt(k) + 4);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    ASSERT_NEAR(found[i], exact[i], slack + relative * std::abs(exact[i]))
        << shape.transpose_a << shape.transpose_b << " " << shape.m << "×" << shape.n << "×"
        << shape.k << " at " << i;
  }
}

TEST(Matmul, EveryPrecisionAgreesForEveryFlagAndShape) {
  Matmul matmul;
  const auto isa = dnnl::get_effective_cpu_isa();
  const bool has_bf16 = isa >= dnnl::cpu_isa::avx512_core;
  for (int round = 0; round < 2; ++round) {  // the second finds every primitive made
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const bool adds : {false, true}) {
          for (const auto& [m, n, k] :
               {std::tuple{1u, 1u, 1u}, {3u, 5u, 7u}, {1u, 130u, 64u}, {64u, 33u, 200u}}) {
            const MatmulShape shape{transpose_a, transpose_b, m, n, k, adds};
            const auto exact = compute<double, double>(matmul, shape);
            expect_near(compute<float, float>(matmul, shape), exact, shape, 0);
            if (!has_bf16) continue;
            expect_near(compute<Bf16, float>(matmul, shape), exact, shape, 0);
            expect_near(compute<Bf16, Bf16>(matmul, shape), exact, shape, 0x1p-8);
          }
        }
      }
    }
  }
}

// Sizes at which oneDNN wants weights in blocks, and sizes at which it may not.
TEST(Matmul, WeightsAreReadAgainWhenTheyHaveChanged) {
  Matmul matmul;
  for (const bool transpose_b : {false, true}) {
    for (const auto& [m, n, k] : {std::tuple{128u, 1024u, 256u}, {16u, 7u, 5u}}) {
      const MatmulShape shape{false, transpose_b, m, n, k, false};
      const auto a = random_values<float>(m * k, "a");
      auto b = random_values<float>(k * n, "b");
      std::vector<float> plain(m * n), found(m * n);
      for (int step = 0; step < 3; ++step) {
        matmul(shape, a.data(), b.data(), plain.data());
        matmul.by_weights(shape, a.data(), b.data(), found.data());
        expect_near({found.begin(), found.end()}, {plain.begin(), plain.end()}, shape, 0);
        for (float& value : b) value *= -2;
        matmul.weights_changed();
      }
    }
  }
}

// By hand: (1 2; 3 4) (5 6; 7 8) = (19 22; 43 50).
TEST(Matmul, KnowsTwoByTwo) {
  const std::vector<double> a = {1, 2, 3, 4}, a_t = {1, 3, 2, 4}, b = {5, 6, 7, 8},
                            b_t = {5, 7, 6, 8};
  const std::vector<double> expected = {19, 22, 43, 50};
  Matmul matmul;
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      std::vector<double> c(4, NAN);  // without `adds` nobody reads what was there
      matmul({ta, tb, 2, 2, 2, false}, (ta ? a_t : a).data(), (tb ? b_t : b).data(), c.data());
      EXPECT_EQ(c, expected);
      std::vector<float> af(4), bf(4), cf(4, NAN);
      for (std::size_t i = 0; i < 4; ++i) {
        af[i] = static_cast<float>((ta ? a_t : a)[i]);
        bf[i] = static_cast<float>((tb ? b_t : b)[i]);
      }
      matmul({ta, tb, 2, 2, 2, false}, af.data(), bf.data(), cf.data());
      EXPECT_EQ(std::vector<double>(cf.begin(), cf.end()), expected);
    }
  }
}

}  // namespace
}  // namespace posbench
