#include "kernel/lookup.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "kernel/lookup_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/lookup.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include "kernel/add-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

constexpr std::size_t kL2Tile = std::size_t{1} << 16;  // values, 256 KiB of f32
constexpr std::size_t kL1Tile = std::size_t{1} << 11;  // 8 KiB

// As many batch elements at once as kElements says: each vector of the rows is read once for them.
template <std::size_t kElements, Store kStore, class T, class P>
void AddGroup(const Sum<T>& sum, const P* rows) {
  const std::size_t n = sum.shape.length * sum.shape.hidden;
  const std::size_t lanes = hn::Lanes(D());
  const auto add = [&](std::size_t i, V p) HWY_ATTR {
    for (std::size_t b = 0; b < kElements; ++b) {
      Save<kStore>(hn::Add(Load(sum.x + b * sum.stride + i), p), sum.y + b * sum.stride + i);
    }
  };
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const V p0 = Load(rows + i);
    const V p1 = Load(rows + i + lanes);
    add(i, p0);
    add(i + lanes, p1);
  }
  for (; i < n; ++i) {
    const float p = to_float(rows[i]);
    for (std::size_t b = 0; b < kElements; ++b) {
      SaveOne(to_float(sum.x[b * sum.stride + i]) + p, sum.y + b * sum.stride + i);
    }
  }
}

template <Store kStore, class T, class P>
void AddGroups(const Sum<T>& sum, const P* rows) {
  std::size_t b = 0;
  for (; b + 4 <= sum.shape.batch; b += 4) AddGroup<4, kStore>(sum.elements(b, 4), rows);
  AddTiles<kStore>(sum.elements(b, sum.shape.batch - b), rows, kL2Tile);
}

template <Store kStore, class T, class P>
void AddWalking(const Sum<T>& sum, const P* rows, Walk walk) {
  if (walk == Walk::kGroups) {
    AddGroups<kStore>(sum, rows);
  } else {
    AddTiles<kStore>(sum, rows, walk == Walk::kTiles ? kL2Tile : kL1Tile);
  }
}

template <class T, class P>
HWY_INLINE void AddRows(const Sum<T>& sum, const P* rows, Walk walk, Store store) {
  if (Streams(sum, store)) {
    AddWalking<Store::kNonTemporal>(sum, rows, walk);
    hwy::FlushStream();
  } else {
    AddWalking<Store::kPlain>(sum, rows, walk);
  }
}

// One function for each combination of forms that is in use, because dispatch needs plain
// functions.
void AddRowsF32(const Sum<float>& sum, const float* rows, Walk walk, Store store) {
  AddRows(sum, rows, walk, store);
}
void AddRowsBf16Table(const Sum<float>& sum, const Bf16* rows, Walk walk, Store store) {
  AddRows(sum, rows, walk, store);
}
void AddRowsBf16(const Sum<Bf16>& sum, const Bf16* rows, Walk walk, Store store) {
  AddRows(sum, rows, walk, store);
}

template <Store kStore, class T>
void AddEachRow(const T* x, const Table<T>& table, std::span<const std::int32_t> ids, T* y) {
  const std::size_t width = table.hidden;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    const std::size_t row = static_cast<std::size_t>(ids[t] - table.first);
    AddRun<kStore>(x + t * width, table.values + row * width, width, y + t * width);
  }
}

template <class T>
HWY_INLINE void AddGather(const T* x, const Table<T>& table, std::span<const std::int32_t> ids,
                          T* y, Store store) {
  if (Streams(Sum<T>(x, y, {1, ids.size(), table.hidden}), store)) {
    AddEachRow<Store::kNonTemporal>(x, table, ids, y);
    hwy::FlushStream();
  } else {
    AddEachRow<Store::kPlain>(x, table, ids, y);
  }
}

void AddGatherF32(const float* x, const Table<float>& table, std::span<const std::int32_t> ids,
                  float* y, Store store) {
  AddGather(x, table, ids, y, store);
}
void AddGatherBf16(const Bf16* x, const Table<Bf16>& table, std::span<const std::int32_t> ids,
                   Bf16* y, Store store) {
  AddGather(x, table, ids, y, store);
}

void ScatterAdd(const float* dx, const std::int32_t* ids, std::size_t tokens, std::size_t width,
                float* gradients) {
  for (std::size_t t = 0; t < tokens; ++t) {
    float* row = gradients + static_cast<std::size_t>(ids[t]) * width;
    AddRun<Store::kPlain>(row, dx + t * width, width, row);
  }
}

template <Store kStore>
void CopyRun(const float* x, std::size_t n, float* y) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const V part0 = Load(x + i);
    const V part1 = Load(x + i + lanes);
    const V part2 = Load(x + i + 2 * lanes);
    const V part3 = Load(x + i + 3 * lanes);
    Save<kStore>(part0, y + i);
    Save<kStore>(part1, y + i + lanes);
    Save<kStore>(part2, y + i + 2 * lanes);
    Save<kStore>(part3, y + i + 3 * lanes);
  }
  for (; i < n; ++i) y[i] = x[i];
}

void StreamCopy(const float* x, std::size_t n, float* y, Store store) {
  if (Streams(Sum<float>(x, y, {1, 1, n}), store)) {
    CopyRun<Store::kNonTemporal>(x, n, y);
    hwy::FlushStream();
  } else {
    CopyRun<Store::kPlain>(x, n, y);
  }
}

void StreamUpdate(float* x, std::size_t n, float a) {
  const std::size_t lanes = hn::Lanes(D());
  const V add = hn::Set(D(), a);
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const V sum0 = hn::Add(Load(x + i), add);
    const V sum1 = hn::Add(Load(x + i + lanes), add);
    const V sum2 = hn::Add(Load(x + i + 2 * lanes), add);
    const V sum3 = hn::Add(Load(x + i + 3 * lanes), add);
    Save<Store::kPlain>(sum0, x + i);
    Save<Store::kPlain>(sum1, x + i + lanes);
    Save<Store::kPlain>(sum2, x + i + 2 * lanes);
    Save<Store::kPlain>(sum3, x + i + 3 * lanes);
  }
  for (; i < n; ++i) x[i] += a;
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(AddRowsF32);
HWY_EXPORT(AddRowsBf16Table);
HWY_EXPORT(AddRowsBf16);
HWY_EXPORT(AddGatherF32);
HWY_EXPORT(AddGatherBf16);
HWY_EXPORT(ScatterAdd);
HWY_EXPORT(StreamCopy);
HWY_EXPORT(StreamUpdate);

std::optional<std::int32_t> id_outside(std::span<const std::int32_t> ids, std::size_t rows,
                                       std::int32_t first) {
  // As an unsigned distance from the first row, an id before it is huge: one maximum finds both
  // strangers.
  const auto distance = [first](std::int32_t id) {
    return static_cast<std::uint32_t>(id) - static_cast<std::uint32_t>(first);
  };
  std::uint32_t farthest = 0;
  for (const std::int32_t id : ids) farthest = std::max(farthest, distance(id));
  if (ids.empty() || farthest < rows) return std::nullopt;
  return static_cast<std::int32_t>(farthest + static_cast<std::uint32_t>(first));
}

void require_ids_inside(std::span<const std::int32_t> ids, std::size_t rows, std::int32_t first) {
  const auto stranger = id_outside(ids, rows, first);
  if (!stranger) return;
  throw UserError(fmt::format(
      "position id {} is outside the table of {} rows; shorten the input or give the table more "
      "rows",
      *stranger, rows));
}

void require_slice_inside(std::size_t first, std::size_t length, std::size_t rows) {
  if (first + length <= rows) return;
  throw UserError(fmt::format(
      "positions {} to {} leave the table of {} rows; shorten the input or give the table more "
      "rows",
      first, first + length - 1, rows));
}

namespace {

// Throws UserError where the rows would change while they are read.
template <class T, class P>
void require_rows_apart(const Sum<T>& sum, const P* rows) {
  const auto [batch, length, hidden] = sum.shape;
  if (length == 0 || batch == 0) return;
  const std::size_t y_count = (batch - 1) * sum.stride + length * hidden;
  require_apart(sum.y, y_count * sizeof(T), rows, length * hidden * sizeof(P));
}

}  // namespace

void add_rows(const Sum<float>& sum, const float* rows, Walk walk, Store store) {
  require_rows_apart(sum, rows);
  HWY_DYNAMIC_DISPATCH(AddRowsF32)(sum, rows, walk, store);
}

void add_rows(const Sum<float>& sum, const Bf16* rows, Walk walk, Store store) {
  require_rows_apart(sum, rows);
  HWY_DYNAMIC_DISPATCH(AddRowsBf16Table)(sum, rows, walk, store);
}

void add_rows(const Sum<Bf16>& sum, const Bf16* rows, Walk walk, Store store) {
  require_rows_apart(sum, rows);
  HWY_DYNAMIC_DISPATCH(AddRowsBf16)(sum, rows, walk, store);
}

void add_gather(const float* x, const Table<float>& table, std::span<const std::int32_t> ids,
                float* y, Store store) {
  require_ids_inside(ids, table.rows, table.first);
  HWY_DYNAMIC_DISPATCH(AddGatherF32)(x, table, ids, y, store);
}

void add_gather(const Bf16* x, const Table<Bf16>& table, std::span<const std::int32_t> ids, Bf16* y,
                Store store) {
  require_ids_inside(ids, table.rows, table.first);
  HWY_DYNAMIC_DISPATCH(AddGatherBf16)(x, table, ids, y, store);
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

void stream_copy(const float* x, std::size_t n, float* y, Store store) {
  HWY_DYNAMIC_DISPATCH(StreamCopy)(x, n, y, store);
}

void stream_add(const float* x, const float* z, std::size_t n, float* y, Store store) {
  add_rows(Sum<float>(x, y, {1, 1, n}), z, Walk::kTiles, store);
}

void stream_update(float* x, std::size_t n, float a) {
  HWY_DYNAMIC_DISPATCH(StreamUpdate)(x, n, a);
}

}  // namespace posbench
#endif  // HWY_ONCE
