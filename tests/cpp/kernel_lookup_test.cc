#include "kernel/lookup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <hwy/aligned_allocator.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "every_target.h"
#include "guarded.h"
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

constexpr Walk kWalks[] = {Walk::kTiles, Walk::kL1Tiles, Walk::kGroups};
constexpr Store kStores[] = {Store::kPlain, Store::kNonTemporal};

TEST(Lookup, SliceEqualsTheScalarReferenceAtEveryShapeWalkAndStore) {
  on_every_target([] {
    for (const BatchShape& shape : kShapes) {
      const auto x = random_floats(shape.elements(), "x");
      const auto values = random_floats((shape.length + 2) * shape.hidden, "table");
      const Table<float> table{values.data(), shape.length + 2, shape.hidden};
      std::vector<float> expected(x.size());
      scalar::add_rows(x.data(), values.data() + 2 * shape.hidden, shape, expected.data());
      for (const Walk walk : kWalks) {
        for (const Store store : kStores) {
          // Where y begins at a cache line, non-temporal stores are really used.
          hwy::AlignedFreeUniquePtr<float[]> y = hwy::AllocateAligned<float>(x.size());
          add_slice(Sum<float>(x.data(), y.get(), shape), table, 2, walk, store);
          EXPECT_TRUE(std::equal(expected.begin(), expected.end(), y.get()));
        }
      }
    }
  });
}

TEST(Lookup, Bf16IsAddedInF32AndRoundedOnce) {
  on_every_target([] {
    for (const BatchShape& shape : kShapes) {
      const auto x = random_floats(shape.elements(), "x");
      const auto rows = random_floats(shape.length * shape.hidden, "rows");
      const auto narrow = [](const std::vector<float>& wide) {
        std::vector<Bf16> values(wide.size());
        std::ranges::transform(wide, values.begin(), to_bf16);
        return values;
      };
      const std::vector<Bf16> x16 = narrow(x), rows16 = narrow(rows);
      std::vector<Bf16> y16(x.size()), gathered(x.size());
      std::vector<float> y(x.size());
      std::vector<std::int32_t> ids(shape.tokens());
      for (std::size_t t = 0; t < ids.size(); ++t) {
        ids[t] = static_cast<std::int32_t>(t % shape.length);
      }
      for (const Walk walk : kWalks) {
        add_rows(Sum<Bf16>(x16.data(), y16.data(), shape), rows16.data(), walk);
        add_rows(Sum<float>(x.data(), y.data(), shape), rows16.data(), walk);
        add_gather(x16.data(), {rows16.data(), shape.length, shape.hidden}, ids, gathered.data());
        for (std::size_t i = 0; i < x.size(); ++i) {
          const float row = to_float(rows16[i % rows.size()]);
          ASSERT_EQ(y16[i].bits, to_bf16(to_float(x16[i]) + row).bits);
          ASSERT_EQ(gathered[i].bits, y16[i].bits);
          ASSERT_EQ(y[i], x[i] + row);
        }
      }
    }
  });
}

TEST(Lookup, Bf16RoundsToNearestEvenAndKeepsNaN) {
  // 1 + 2^-8 lies half-way between two bf16 and goes to the even one; a bit more goes up.
  EXPECT_EQ(to_float(to_bf16(1.0f + 0x1p-8f)), 1.0f);
  EXPECT_EQ(to_float(to_bf16(1.0f + 0x1.8p-7f)), 1.0f + 0x1p-6f);
  EXPECT_EQ(to_float(to_bf16(1.0f + 0x1.01p-8f)), 1.0f + 0x1p-7f);
  EXPECT_EQ(to_float(to_bf16(std::numeric_limits<float>::max())),
            std::numeric_limits<float>::infinity());
  // A NaN whose upper half alone would be an infinity.
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7F80'0001u)))));
  on_every_target([] {
    // In every lane, and beside numbers.
    std::vector<Bf16> x(67, to_bf16(1.0f)), zero(67, to_bf16(0.0f)), y(67);
    for (std::size_t at = 0; at < x.size(); at += 5) {
      x[at] = to_bf16(std::numeric_limits<float>::quiet_NaN());
    }
    add_rows(Sum<Bf16>(x.data(), y.data(), {1, 1, 67}), zero.data());
    for (std::size_t i = 0; i < y.size(); ++i) {
      EXPECT_EQ(std::isnan(to_float(y[i])), i % 5 == 0);
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
      std::vector<float> sliced(x.size());
      add_slice(Sum<float>(x.data(), sliced.data(), shape), table, 0);
      for (const Store store : kStores) {
        auto gathered = hwy::AllocateAligned<float>(x.size());
        add_gather(x.data(), table, ids, gathered.get(), store);
        EXPECT_TRUE(std::equal(sliced.begin(), sliced.end(), gathered.get()));
      }
    }
  });
}

TEST(Lookup, InPlaceUnalignedAndInSharesAgreeWithOutOfPlace) {
  on_every_target([] {
    const BatchShape shape{9, 9, 17};
    const auto x = random_floats(shape.elements() + 1, "x");
    const auto rows = random_floats(shape.length * shape.hidden + 3, "rows");
    std::vector<float> expected(shape.elements());
    scalar::add_rows(x.data() + 1, rows.data() + 3, shape, expected.data());
    for (const Walk walk : kWalks) {
      std::vector<float> y(shape.elements()), in_place(x.begin() + 1, x.end());
      const Sum<float> apart(x.data() + 1, y.data(), shape);
      add_rows(apart.positions(0, 4), rows.data() + 3, walk, Store::kNonTemporal);
      add_rows(apart.positions(4, 5), rows.data() + 3 + 4 * shape.hidden, walk);
      add_rows(Sum<float>(in_place.data(), in_place.data(), shape), rows.data() + 3, walk);
      EXPECT_EQ(y, expected);
      EXPECT_EQ(in_place, expected);
    }
  });
}

TEST(Lookup, NothingIsTouchedOutsideTheArrays) {
  on_every_target([] {
    for (const BatchShape& shape : kShapes) {
      Guarded<float> x(random_floats(shape.elements(), "x"));
      Guarded<float> y(x.size());
      Guarded<float> rows(random_floats(shape.length * shape.hidden, "rows"));
      for (const Walk walk : kWalks) {
        add_rows(Sum<float>(x.data(), y.data(), shape), rows.data(), walk);
      }
      EXPECT_EQ(y[y.size() - 1], x[x.size() - 1] + rows[rows.size() - 1]);
    }
  });
}

TEST(Lookup, PartialOverlapIsRefused) {
  std::vector<float> values(40, 1.0f);
  const std::vector<float> rows(20, 1.0f);
  EXPECT_THROW(Sum<float>(values.data(), values.data() + 3, {1, 2, 10}), UserError);
  EXPECT_THROW(Sum<float>(values.data() + 19, values.data(), {1, 2, 10}), UserError);
  const Sum<float> fits(values.data(), values.data() + 20, {1, 2, 10});
  EXPECT_THROW(add_rows(fits, values.data() + 10), UserError);
  add_rows(fits, rows.data());
  EXPECT_EQ(values[39], 2.0f);
}

TEST(Lookup, NaNStaysWhereItIs) {
  on_every_target([] {
    std::vector<float> x(50, 1.0f), y(50);
    const std::vector<float> rows(50, 1.0f);
    x[7] = x[49] = std::numeric_limits<float>::quiet_NaN();
    add_rows(Sum<float>(x.data(), y.data(), {1, 1, 50}), rows.data());
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i == 7 || i == 49);
  });
}

TEST(Lookup, NoPositionsAreNoWork) {
  float y = 5.0f;
  add_rows(Sum<float>(nullptr, nullptr, {3, 0, 8}), static_cast<const float*>(nullptr));
  add_gather(&y, Table<float>{&y, 1, 1}, {}, &y);
  EXPECT_EQ(y, 5.0f);
}

TEST(Streams, DoWhatTheyAreCalled) {
  on_every_target([] {
    for (const std::size_t n : {0u, 1u, 15u, 64u, 131u}) {
      const auto x = random_floats(n + 1, "x");
      const auto z = random_floats(n + 1, "z");
      for (const Store store : kStores) {
        auto copied = hwy::AllocateAligned<float>(n + 1);
        auto added = hwy::AllocateAligned<float>(n + 1);
        copied[n] = added[n] = 9.0f;
        stream_copy(x.data(), n, copied.get(), store);
        stream_add(x.data(), z.data(), n, added.get(), store);
        for (std::size_t i = 0; i < n; ++i) {
          ASSERT_EQ(copied[i], x[i]);
          ASSERT_EQ(added[i], x[i] + z[i]);
        }
        EXPECT_EQ(copied[n], 9.0f);
        EXPECT_EQ(added[n], 9.0f);
      }
      std::vector<float> updated = x;
      stream_update(updated.data(), n, 0.5f);
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(updated[i], x[i] + 0.5f);
      EXPECT_EQ(updated[n], x[n]);
    }
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
  std::vector<float> y(9);
  EXPECT_THROW(add_slice(Sum<float>(values.data(), y.data(), {1, 3, 3}), table, 2), UserError);
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
