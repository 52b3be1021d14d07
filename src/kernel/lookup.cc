#include "kernel/lookup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "kernel/lookup_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/lookup.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;

// y = x + p. Four vectors a turn hide the loop's own instructions; the last few elements go one by
// one, because a masked load may touch memory behind the end on instruction sets without masks.
HWY_INLINE void Add(const float* x, const float* p, std::size_t n, float* y) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const auto sum0 = hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, p + i));
    const auto sum1 = hn::Add(hn::LoadU(d, x + i + lanes), hn::LoadU(d, p + i + lanes));
    const auto sum2 = hn::Add(hn::LoadU(d, x + i + 2 * lanes), hn::LoadU(d, p + i + 2 * lanes));
    const auto sum3 = hn::Add(hn::LoadU(d, x + i + 3 * lanes), hn::LoadU(d, p + i + 3 * lanes));
    hn::StoreU(sum0, d, y + i);
    hn::StoreU(sum1, d, y + i + lanes);
    hn::StoreU(sum2, d, y + i + 2 * lanes);
    hn::StoreU(sum3, d, y + i + 3 * lanes);
  }
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, p + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] = x[i] + p[i];
}

void CopyFloats(const float* x, std::size_t n, float* y) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const auto part0 = hn::LoadU(d, x + i);
    const auto part1 = hn::LoadU(d, x + i + lanes);
    const auto part2 = hn::LoadU(d, x + i + 2 * lanes);
    const auto part3 = hn::LoadU(d, x + i + 3 * lanes);
    hn::StoreU(part0, d, y + i);
    hn::StoreU(part1, d, y + i + lanes);
    hn::StoreU(part2, d, y + i + 2 * lanes);
    hn::StoreU(part3, d, y + i + 3 * lanes);
  }
  for (; i < n; ++i) y[i] = x[i];
}

// Walks the rows in tiles of 256 KiB, a part of L2: the first batch element brings a tile in, the
// others find it there, and a walk through x and y is long enough for the memory system to see
// where it goes. (Tiles of 16 KiB, which fit L1, are 1.5 to 2 times slower once x and y come from
// memory.)
void AddRows(const float* x, const float* rows, BatchShape shape, float* y) {
  constexpr std::size_t kTile = std::size_t{1} << 16;
  const std::size_t n = shape.length * shape.hidden;
  for (std::size_t start = 0; start < n; start += kTile) {
    const std::size_t count = HWY_MIN(kTile, n - start);
    for (std::size_t b = 0; b < shape.batch; ++b) {
      Add(x + b * n + start, rows + start, count, y + b * n + start);
    }
  }
}

void AddGather(const float* x, const Table<float>& table, const std::int32_t* ids,
               std::size_t tokens, float* y) {
  const std::size_t width = table.hidden;
  for (std::size_t t = 0; t < tokens; ++t) {
    const std::size_t row = static_cast<std::size_t>(ids[t] - table.first);
    Add(x + t * width, table.values + row * width, width, y + t * width);
  }
}

void ScatterAdd(const float* dx, const std::int32_t* ids, std::size_t tokens, std::size_t width,
                float* gradients) {
  for (std::size_t t = 0; t < tokens; ++t) {
    float* row = gradients + static_cast<std::size_t>(ids[t]) * width;
    Add(row, dx + t * width, width, row);
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(CopyFloats);
HWY_EXPORT(AddRows);
HWY_EXPORT(AddGather);
HWY_EXPORT(ScatterAdd);

void require_ids_inside(std::span<const std::int32_t> ids, std::size_t rows, std::int32_t first) {
  // As an unsigned distance from the first row, an id before it is huge: one maximum finds both
  // strangers.
  const auto distance = [first](std::int32_t id) {
    return static_cast<std::uint32_t>(id) - static_cast<std::uint32_t>(first);
  };
  std::uint32_t farthest = 0;
  for (const std::int32_t id : ids) farthest = std::max(farthest, distance(id));
  if (ids.empty() || farthest < rows) return;
  throw UserError(fmt::format(
      "position id {} is outside the table of {} rows; shorten the input or give the table more "
      "rows",
      static_cast<std::int32_t>(farthest + static_cast<std::uint32_t>(first)), rows));
}

void copy_floats(const float* x, std::size_t n, float* y) {
  HWY_DYNAMIC_DISPATCH(CopyFloats)(x, n, y);
}

void add_rows(const float* x, const float* rows, BatchShape shape, float* y) {
  HWY_DYNAMIC_DISPATCH(AddRows)(x, rows, shape, y);
}

void add_slice(const float* x, const Table<float>& table, std::size_t first, BatchShape shape,
               float* y) {
  if (first + shape.length > table.rows) {
    throw UserError(fmt::format(
        "positions {} to {} leave the table of {} rows; shorten the input or give the table more "
        "rows",
        first, first + shape.length - 1, table.rows));
  }
  add_rows(x, table.values + first * table.hidden, shape, y);
}

void add_gather(const float* x, const Table<float>& table, std::span<const std::int32_t> ids,
                float* y) {
  require_ids_inside(ids, table.rows, table.first);
  HWY_DYNAMIC_DISPATCH(AddGather)(x, table, ids.data(), ids.size(), y);
}

void add_gather(const double* x, const Table<double>& table, std::span<const std::int32_t> ids,
                double* y) {
  require_ids_inside(ids, table.rows, table.first);
  scalar::add_gather(x, table, ids, y);
}

void scatter_add(const float* dx, std::span<const std::int32_t> ids, std::size_t rows,
                 std::size_t hidden, float* gradients) {
  require_ids_inside(ids, rows);
  HWY_DYNAMIC_DISPATCH(ScatterAdd)(dx, ids.data(), ids.size(), hidden, gradients);
}

void scatter_add(const double* dx, std::span<const std::int32_t> ids, std::size_t rows,
                 std::size_t hidden, double* gradients) {
  require_ids_inside(ids, rows);
  scalar::scatter_add(dx, ids, hidden, gradients);
}

}  // namespace posbench
#endif  // HWY_ONCE
