#include "kernel/best.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace posbench {
namespace {

constexpr CacheSizes kCaches{
    .l1d_bytes = 32 << 10, .l2_bytes = 1 << 20, .l3_bytes = std::size_t{32} << 20};

template <class Body>
void for_each_shape(Body body) {
  for (const std::size_t batch : {1, 2, 4, 8, 32}) {
    for (const std::size_t length : {1, 16, 128, 2048, 65536}) {
      for (const std::size_t hidden : {2, 64, 768, 1024}) {
        body(BatchShape{batch, length, hidden});
      }
    }
  }
}

TEST(Best, InPlaceStaysInPlaceAndOutOfPlaceOut) {
  for_each_shape([](BatchShape shape) {
    for (const auto choose : {best_lookup, best_computed}) {
      EXPECT_THAT(std::string(choose(shape, true, kCaches)), testing::EndsWith("_in_place"));
      EXPECT_THAT(std::string(choose(shape, false, kCaches)),
                  testing::Not(testing::EndsWith("_in_place")));
    }
  });
}

TEST(Best, GoesPastTheCachesWhereTokensDoNotFitAndNeverInL2) {
  for_each_shape([](BatchShape shape) {
    const std::size_t bytes = 2 * shape.elements() * sizeof(float);
    for (const auto choose : {best_lookup, best_computed}) {
      const bool past = choose(shape, false, kCaches).ends_with("_nt");
      EXPECT_TRUE(past || bytes <= kCaches.l3_bytes);
      EXPECT_FALSE(past && bytes <= kCaches.l2_bytes);
      EXPECT_FALSE(choose(shape, true, kCaches).ends_with("_nt"));
    }
  });
}

TEST(Best, SharesRowsOnlyWhereThereAreSeveralBatchElements) {
  for_each_shape([](BatchShape shape) {
    if (shape.batch > 1) return;
    for (const bool in_place : {false, true}) {
      EXPECT_THAT(std::string(best_lookup(shape, in_place, kCaches)),
                  testing::StartsWith("learned_slice"));
    }
  });
}

}  // namespace
}  // namespace posbench
