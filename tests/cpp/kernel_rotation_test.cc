// Rotation of queries and keys: the f64 loops against the matrix of a rotation, f32 and bf16
// against f64 on every target, both layouts, whole heads and parts of them.
#include "kernel/rotation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <type_traits>

#include "base/error.h"
#include "guarded.h"
#include "row_helpers.h"

namespace posbench {
namespace {

constexpr std::size_t kPositions = 12;

// Heads of some size of which some columns turn, by angles that have no pattern.
struct Problem {
  int heads, size, rotated;
  bool pairs;
  std::vector<std::int32_t> positions = {3, 0, 11, 3, 7};

  int hidden() const { return heads * size; }
  std::size_t width() const { return static_cast<std::size_t>(3 * hidden()); }
  std::size_t numbers() const { return positions.size() * width(); }
};

// Every partial vector of every width, sizes of real heads, and one beyond a block of planes.
std::vector<Problem> problems() {
  std::vector<Problem> all;
  for (const bool pairs : {true, false}) {
    for (int rotated = 0; rotated <= 70; rotated += 2) {
      for (const int rest : {0, 3}) all.push_back({2, rotated + rest, rotated, pairs});
    }
    for (const int size : {128, 256, 270, 520}) {
      all.push_back({1, size, size, pairs});
      all.push_back({3, size, size / 4 * 2, pairs});
    }
  }
  std::erase_if(all, [](const Problem& p) { return p.size == 0; });
  return all;
}

template <class Body>
void for_every_problem(Body body) {
  on_every_target([&] {
    for (const Problem& problem : problems()) {
      SCOPED_TRACE(testing::Message()
                   << problem.heads << " heads of " << problem.size << ", " << problem.rotated
                   << " columns turn, " << (problem.pairs ? "pairs" : "halves"));
      body(problem);
      if (testing::Test::HasFailure()) return;  // one message is enough
    }
  });
}

template <class Real>
struct Angles {
  explicit Angles(const Problem& problem) {
    for (const double angle :
         random_doubles(kPositions * static_cast<std::size_t>(problem.rotated) / 2, "angles")) {
      // Rounded to f32, so that all types turn by the very same.
      cosines.push_back(static_cast<Real>(static_cast<float>(std::cos(angle))));
      sines.push_back(static_cast<Real>(static_cast<float>(std::sin(angle))));
    }
  }
  Rotation<Real> rotation(const Problem& problem) const {
    return {cosines.data(), sines.data(), kPositions, static_cast<std::size_t>(problem.rotated),
            problem.pairs};
  }
  std::vector<Real> cosines, sines;
};

TEST(Rotation, TurnsPlanesOfNeighboursOrOfHalvesAndLeavesTheRest) {
  const double cosines[] = {1, 1, 0.6, 0.8}, sines[] = {0, 0, 0.8, 0.6};
  const Doubles bias = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
  const auto turned = [&](bool pairs) {
    Doubles row = {10, 0, 0, 10, 5, 0, 10, 10, 0, 6, 1, 2, 3, 4, 5};
    rotate(Rotation<double>{cosines, sines, 2, 4, pairs}, std::vector<std::int32_t>{1}, 5, 1,
           bias.data(), row.data());
    return row;
  };
  EXPECT_THAT(turned(true), testing::Pointwise(testing::DoubleNear(1e-14),
                                               {6, 8, -6, 8, 6, -8, 6, 8, 6, 6, 1, 2, 3, 4, 7}));
  EXPECT_THAT(turned(false), testing::Pointwise(testing::DoubleNear(1e-14),
                                                {6, -6, 8, 8, 6, -8, 8, 6, 6, 6, 1, 2, 3, 4, 7}));
}

TEST(Rotation, BackwardUndoesForward) {
  for (const Problem& problem : problems()) {
    const Angles<double> angles(problem);
    const Doubles qkv = random_doubles(problem.numbers(), "qkv");
    Doubles there_and_back = qkv;
    rotate(angles.rotation(problem), problem.positions, problem.hidden(), problem.heads, nullptr,
           there_and_back.data());
    rotate_backward(angles.rotation(problem), problem.positions, problem.hidden(), problem.heads,
                    there_and_back.data(), nullptr);
    for (std::size_t i = 0; i < qkv.size(); ++i) ASSERT_NEAR(there_and_back[i], qkv[i], 3e-7);
  }
}

template <class T>
class RotationStored : public testing::Test {};
using StoredTypes = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(RotationStored, StoredTypes);

// Two products and two sums of numbers up to a few units; bf16 rounds the result once more.
template <class T>
double bound(double magnitude) {
  return (4 * kU + (std::is_same_v<T, Bf16> ? kUBf16 : 0.0)) * magnitude;
}

TYPED_TEST(RotationStored, FollowsF64) {
  for_every_problem([](const Problem& problem) {
    const auto qkv = made_of<TypeParam>(random_floats(problem.numbers(), "qkv"));
    const Floats bias = random_floats(problem.width(), "bias");
    const Angles<float> angles(problem);
    const Angles<double> wide_angles(problem);
    for (const bool with_bias : {false, true}) {
      Guarded<TypeParam> turned(qkv);
      Guarded<float> guarded_bias(bias);
      rotate(angles.rotation(problem), problem.positions, problem.hidden(), problem.heads,
             with_bias ? guarded_bias.data() : nullptr, turned.data());
      Doubles exact = widened(qkv);
      const Doubles wide_bias = widened(bias);
      rotate(wide_angles.rotation(problem), problem.positions, problem.hidden(), problem.heads,
             with_bias ? wide_bias.data() : nullptr, exact.data());
      for (std::size_t i = 0; i < exact.size(); ++i) {
        ASSERT_NEAR(wide(turned[i]), exact[i], bound<TypeParam>(10)) << i;
      }
    }
  });
}

TYPED_TEST(RotationStored, BackwardFollowsF64AndSumsItsColumns) {
  for_every_problem([](const Problem& problem) {
    const auto dqkv = made_of<TypeParam>(random_floats(problem.numbers(), "dqkv"));
    const Floats dbias = random_floats(problem.width(), "dbias");
    Guarded<TypeParam> turned(dqkv);
    Guarded<float> sums(dbias);
    rotate_backward(Angles<float>(problem).rotation(problem), problem.positions, problem.hidden(),
                    problem.heads, turned.data(), sums.data());
    Doubles exact = widened(dqkv), exact_sums = widened(dbias);
    rotate_backward(Angles<double>(problem).rotation(problem), problem.positions, problem.hidden(),
                    problem.heads, exact.data(), exact_sums.data());
    for (std::size_t i = 0; i < exact.size(); ++i) {
      ASSERT_NEAR(wide(turned[i]), exact[i], bound<TypeParam>(10)) << i;
    }
    for (std::size_t i = 0; i < dbias.size(); ++i) {
      ASSERT_NEAR(wide(sums[i]), exact_sums[i], bound<TypeParam>(60)) << i;
    }
  });
}

TEST(Rotation, PositionsOutsideTheTableAreRefused) {
  const Problem problem{1, 4, 4, true};
  const Angles<float> angles(problem);
  Floats qkv(12);
  for (const std::int32_t position : {-1, 12}) {
    EXPECT_THAT(
        [&] {
          rotate(angles.rotation(problem), std::vector<std::int32_t>{position}, 4, 1, nullptr,
                 qkv.data());
        },
        testing::ThrowsMessage<UserError>(testing::HasSubstr("table of 12 rows")));
  }
}

}  // namespace
}  // namespace posbench
