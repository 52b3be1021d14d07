#include "kernel/lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "every_target.h"
#include "kernel/lookup_scalar.h"

namespace posbench {
namespace {

std::vector<float> random_floats(std::size_t n, std::string_view purpose) {
  Random random(7, purpose);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// Lengths and widths around the vector sizes and the tile, odd ones among them.
const std::vector<BatchShape> kShapes = {{1, 1, 1},  {1, 3, 2},   {2, 5, 7},    {3, 4, 16},
                                         {2, 9, 17}, {5, 3, 127}, {2, 70, 128}, {3, 13, 768}};

TEST(Lookup, SliceEqualsTheScalarReferenceAtEveryShape) {
  on_every_target([] {
    for (const BatchShape& shape : kShapes) {
      const auto x = random_floats(shape.elements(), "x");
      const auto table = random_floats((shape.length + 2) * shape.hidden, "table");
      std::vector<float> expected(x.size()), y(x.size());
      scalar::add_rows(x.data(), table.data() + 2 * shape.hidden, shape, expected.data());
      add_slice(x.data(), {table.data(), shape.length + 2, shape.hidden}, 2, shape, y.data());
      EXPECT_EQ(y, expected);
    }
  });
}

TEST(Lookup, GatherEqualsSliceForConsecutiveIds) {
  on_every_target([] {
    for (const BatchShape& shape : kShapes) {
      const auto x = random_floats(shape.elements(), "x");
      const auto values = random_floats(shape.length * shape.hidden, "table");
      const Table<float> table{values.data(), shape.length, shape.hidden};
      std::vector<std::int32_t> ids(shape.tokens());
      for (std::size_t t = 0; t < ids.size(); ++t) {
        ids[t] = static_cast<std::int32_t>(t % shape.length);
      }
      std::vector<float> sliced(x.size()), gathered(x.size());
      add_slice(x.data(), table, 0, shape, sliced.data());
      add_gather(x.data(), table, ids, gathered.data());
      EXPECT_EQ(gathered, sliced);
    }
  });
}

TEST(Lookup, InPlaceAndUnalignedAgreeWithOutOfPlace) {
  on_every_target([] {
    const BatchShape shape{2, 9, 17};
    const auto x = random_floats(shape.elements() + 1, "x");
    const auto rows = random_floats(shape.length * shape.hidden + 3, "rows");
    std::vector<float> y(shape.elements()), in_place(x.begin() + 1, x.end());
    add_rows(x.data() + 1, rows.data() + 3, shape, y.data());
    add_rows(in_place.data(), rows.data() + 3, shape, in_place.data());
    EXPECT_EQ(in_place, y);

    std::vector<float> copy(y.size());
    copy_floats(y.data() + 1, y.size() - 1, copy.data() + 1);
    EXPECT_TRUE(std::equal(copy.begin() + 1, copy.end(), y.begin() + 1));
    EXPECT_EQ(copy[0], 0.0f);
  });
}

TEST(Lookup, IdsOutsideTheTableAreRefusedBeforeAnythingIsWritten) {
  const std::vector<float> values(4 * 3, 1.0f);
  const Table<float> table{values.data(), 4, 3};
  for (const std::int32_t stranger : {-1, 4, 1 << 30, std::numeric_limits<std::int32_t>::min()}) {
    const std::vector<std::int32_t> ids = {0, 3, stranger};
    std::vector<float> x(9, 5.0f), gradients(12, 0.0f);
    try {
      add_gather(x.data(), table, ids, x.data());
      FAIL() << "id " << stranger << " was accepted";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(),
                  testing::HasSubstr("position id " + std::to_string(stranger) + " "));
      EXPECT_THAT(error.what(), testing::HasSubstr("table of 4 rows"));
    }
    EXPECT_THAT(x, testing::Each(5.0f));
    EXPECT_THROW(scatter_add(x.data(), ids, 4, 3, gradients.data()), UserError);
    EXPECT_THAT(gradients, testing::Each(0.0f));
  }
  EXPECT_THROW(add_slice(values.data(), table, 2, {1, 3, 3}, std::vector<float>(9).data()),
               UserError);
}

TEST(Lookup, TableMayBeginAtAnotherPosition) {
  const std::vector<float> values = {1.0f, 2.0f};
  const Table<float> table{values.data(), 2, 1, 100};
  std::vector<float> x = {0.0f, 0.0f};
  add_gather(x.data(), table, std::vector<std::int32_t>{101, 100}, x.data());
  EXPECT_THAT(x, testing::ElementsAre(2.0f, 1.0f));
  EXPECT_THROW(add_gather(x.data(), table, std::vector<std::int32_t>{99}, x.data()), UserError);
  EXPECT_THROW(add_gather(x.data(), table, std::vector<std::int32_t>{102}, x.data()), UserError);
}

TEST(Lookup, ScatterAddIsTheTransposeOfGather) {
  on_every_target([] {
    // <gather(table), dx> = <table, scatter(dx)>, with repeated ids.
    const std::size_t rows = 6, d = 19;
    const std::vector<std::int32_t> ids = {5, 0, 0, 3, 5, 5, 1};
    const auto table = random_floats(rows * d, "table");
    const auto dx = random_floats(ids.size() * d, "dx");
    std::vector<float> y(ids.size() * d, 0.0f), gradients(rows * d, 0.0f);
    add_gather(y.data(), {table.data(), rows, d}, ids, y.data());
    scatter_add(dx.data(), ids, rows, d, gradients.data());
    EXPECT_NEAR(std::inner_product(y.begin(), y.end(), dx.begin(), 0.0),
                std::inner_product(table.begin(), table.end(), gradients.begin(), 0.0), 1e-5);
    for (std::size_t i = 0; i < d; ++i) EXPECT_EQ(gradients[2 * d + i], 0.0f);
  });
}

}  // namespace
}  // namespace posbench
