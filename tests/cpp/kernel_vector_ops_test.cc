// Additions, bit by bit, and rounding to bf16, on every instruction set of this CPU.
#include "kernel/vector_ops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "guarded.h"
#include "kernel/vector_ops_scalar.h"
#include "row_helpers.h"

namespace posbench {
namespace {

TEST(VectorOps, ThisCpuHasMoreThanOneTarget) {
  EXPECT_GT(hwy::SupportedAndGeneratedTargets().size(), 1u);
}

// One rounding for each addition, in the order of the rows: exactly the scalar loop in f32.
TEST(VectorOps, AdditionsEqualTheScalarLoopBitByBit) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const Floats x = random_floats(rows * d, "x"), y = random_floats(rows * d, "y");
    const Floats bias = random_floats(d, "bias");

    Floats expected = y;
    scalar::add_to(expected.data(), x.data(), expected.size());
    Guarded<float> in(x), sum(y);
    add_to(sum.data(), in.data(), in.size());
    EXPECT_EQ(sum.values(), expected);

    expected = x;
    scalar::add_bias(expected.data(), bias.data(), rows, d);
    Guarded<float> biased(x), guarded_bias(bias);
    add_bias(biased.data(), guarded_bias.data(), rows, d);
    EXPECT_EQ(biased.values(), expected);

    expected = bias;
    scalar::add_column_sums(expected.data(), x.data(), rows, d);
    add_column_sums(guarded_bias.data(), in.data(), rows, d);
    EXPECT_EQ(guarded_bias.values(), expected);
  });
}

TEST(VectorOps, RoundToBf16IsToBf16) {
  for_every_shape([](std::size_t rows, std::size_t d) {
    const Floats x = random_floats(rows * d, "x");
    Guarded<float> in(x);
    Guarded<Bf16> out(x.size());
    round_to_bf16(in.data(), in.size(), out.data());
    EXPECT_EQ(bits(out.values()), bits(narrowed(x)));
  });
}

TEST(VectorOps, RoundToBf16AtTiesAndEnds) {
  on_every_target([] {
    const float infinity = std::numeric_limits<float>::infinity();
    // Between 1 and the next bf16, 1 + 2^-7, a tie goes to the even one; so does the next tie.
    Floats x = {0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, 0x1.00fffep0f, 0.0f,
                infinity,  -infinity, 3.4e38f,       -0x1p-126f,    0x1.fffffep127f};
    x.resize(32, std::bit_cast<float>(0x7F80'0001u));  // a NaN of which the upper half looks like ∞
    Bf16s y(x.size());
    round_to_bf16(x.data(), x.size(), y.data());
    EXPECT_EQ(to_float(y[0]), 1.0f);
    EXPECT_EQ(to_float(y[1]), 0x1.04p0f);
    EXPECT_EQ(to_float(y[2]), 0x1.02p0f);
    EXPECT_EQ(to_float(y[3]), 1.0f);
    for (std::size_t i = 4; i < 10; ++i) EXPECT_EQ(y[i].bits, to_bf16(x[i]).bits);
    for (std::size_t i = 10; i < x.size(); ++i) EXPECT_TRUE(std::isnan(to_float(y[i])));
  });
}

}  // namespace
}  // namespace posbench
