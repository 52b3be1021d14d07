#include "kernel/embedding.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kernel/sinusoid_producers.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/embedding.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"
#include "kernel/sinusoid_turn-inl.h"

#ifndef POSBENCH_EMBEDDING_ONCE
#define POSBENCH_EMBEDDING_ONCE
namespace posbench {

// Tokens that are worked on together.
inline constexpr std::size_t kTogether = 4;

// Floats from one sum in the buffer to the next: whole vectors of every width, and a cache line
// more, so that the sums of a d of 1,024 do not crowd into the same lines of L1.
inline std::size_t sum_stride(std::size_t hidden) { return (hidden + 15) / 16 * 16 + 16; }

}  // namespace posbench
#endif

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// A token's addends (d each: token, position, segment, as many as there are) and its row of y.
template <std::size_t kAddends>
struct TokenRow {
  std::array<const float*, kAddends> addends;
  float* y;
};

// The sums of kRows tokens' addends to `sums`; returns their totals, one for each lane.
struct AddAddends {
  template <std::size_t kRows, std::size_t kAddends>
  HWY_INLINE std::array<V, kRows> Sum(const TokenRow<kAddends>* HWY_RESTRICT rows,
                                      std::size_t width, float* HWY_RESTRICT sums) const {
    std::array<V, kRows> totals;
    totals.fill(hn::Zero(D()));
    for_each_vector(width, [&](std::size_t i, auto load, auto) HWY_ATTR {
      for (std::size_t r = 0; r < kRows; ++r) {
        V sum = load(rows[r].addends[0]);
        for (std::size_t k = 1; k < kAddends; ++k) sum = hn::Add(sum, load(rows[r].addends[k]));
        totals[r] = hn::Add(totals[r], sum);
        hn::Store(sum, D(), sums + r * sum_stride(width) + i);
      }
    });
    return totals;
  }
};

// The same and the rows of a sinusoid, which turn from token to token in registers; what goes on to
// the next tokens waits in L1. Whole blocks only.
template <Convention kConvention>
struct AddTurning {
  static constexpr Convention kKind = kConvention;
  TurnConstants constants;
  float* waiting;  // (d), in block order

  void Start(std::size_t width, std::size_t position) const {
    const V t = PositionOf(static_cast<std::int64_t>(position), 0);
    for (std::size_t i = 0; i < width / 2; i += hn::Lanes(D())) {
      StoreBlock(ToBlock<kConvention>(constants.Seed(t, i)), waiting, i);
    }
  }

  template <std::size_t kRows, std::size_t kAddends>
  HWY_INLINE std::array<V, kRows> Sum(const TokenRow<kAddends>* HWY_RESTRICT rows,
                                      std::size_t width, float* HWY_RESTRICT sums) const {
    std::array<V, kRows> totals;
    totals.fill(hn::Zero(D()));
    const std::size_t pairs = width / 2;
    for (std::size_t i = 0; i < pairs; i += hn::Lanes(D())) {
      const std::size_t a = ColumnA<kConvention>(i);
      const std::size_t b = ColumnB<kConvention>(i, pairs);
      Block block = LoadBlock(waiting, i);
      const Block cos = LoadBlock(constants.cos1, i);
      const Block sin = LoadBlock(constants.sin1, i);
      for (std::size_t r = 0; r < kRows; ++r) {
        Block sum = block;
        for (const float* addend : rows[r].addends) {
          sum = {hn::Add(sum.a, Load(addend + a)), hn::Add(sum.b, Load(addend + b))};
        }
        totals[r] = hn::Add(totals[r], hn::Add(sum.a, sum.b));
        hn::Store(sum.a, D(), sums + r * sum_stride(width) + a);
        hn::Store(sum.b, D(), sums + r * sum_stride(width) + b);
        block = Turn<kConvention>(block, cos, sin);
      }
      StoreBlock(block, waiting, i);
    }
    return totals;
  }
};

// The first kRows of `rows`. `sums` is the buffer for their sums. Meanwhile the tokens of `next`
// are fetched: a token's row is anywhere in a large table, and no prefetcher of hardware knows
// where.
template <std::size_t kRows, std::size_t kAddends, class Adding>
HWY_INLINE void Normalise(const Adding& adding, const TokenRow<kAddends>* HWY_RESTRICT rows,
                          const TokenRow<kAddends>* HWY_RESTRICT next,
                          const EmbeddingWeights<float>& weights, float* HWY_RESTRICT sums) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t width = weights.tokens.hidden;
  const std::size_t stride = sum_stride(width);
  const V per_column = hn::Set(d, 1.0f / static_cast<float>(width));

  std::array<V, kRows> mean = adding.template Sum<kRows>(rows, width, sums);
  for (std::size_t r = 0; r < kRows; ++r) {
    mean[r] = hn::Mul(hn::SumOfLanes(d, mean[r]), per_column);
    // Lanes behind the end get the mean, and add nothing to the variance.
    float* row = sums + r * stride;
    for (std::size_t i = width; i % lanes != 0; ++i) row[i] = hn::GetLane(mean[r]);
  }

  std::array<V, kRows> scale;
  scale.fill(hn::Zero(d));
  for (std::size_t i = 0; i < width; i += lanes) {
    for (std::size_t r = 0; r < kRows; ++r) {
      const V centred = hn::Sub(hn::Load(d, sums + r * stride + i), mean[r]);
      scale[r] = hn::MulAdd(centred, centred, scale[r]);
      hwy::Prefetch(next[r].addends[0] + i);
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    const V variance = hn::Mul(hn::SumOfLanes(d, scale[r]), per_column);
    scale[r] = hn::Div(hn::Set(d, 1.0f), hn::Sqrt(hn::Add(variance, hn::Set(d, 1e-12f))));
  }

  for_each_vector(width, [&](std::size_t i, auto load, auto store) HWY_ATTR {
    const V gamma = load(weights.gamma);
    const V beta = load(weights.beta);
    for (std::size_t r = 0; r < kRows; ++r) {
      const V centred = hn::Sub(hn::Load(d, sums + r * stride + i), mean[r]);
      store(hn::MulAdd(hn::Mul(centred, scale[r]), gamma, beta), rows[r].y);
    }
  });
}

// Token l of text b with its addends; a position's row where `position` is one.
template <bool kPositions, bool kSegments>
HWY_INLINE TokenRow<1 + kPositions + kSegments> RowOf(const EmbeddingWeights<float>& weights,
                                                      const EmbeddingBatch<float>& batch,
                                                      std::size_t b, std::size_t l,
                                                      const float* position) {
  const std::size_t width = weights.tokens.hidden;
  const std::size_t at = b * batch.stride + l;
  TokenRow<1 + kPositions + kSegments> row;
  row.addends[0] = weights.tokens.values + static_cast<std::size_t>(batch.token_ids[at]) * width;
  if constexpr (kPositions) row.addends[1] = position;
  if constexpr (kSegments) {
    const auto segment = static_cast<std::size_t>(batch.segment_ids[at]);
    row.addends[1 + kPositions] = weights.segments.values + segment * width;
  }
  row.y = batch.y + at * width;
  return row;
}

// Every token of the batch, positions outermost. `positions`: rows (L, d), read where kPositions.
template <bool kPositions, bool kSegments>
HWY_INLINE void EmbedAll(const EmbeddingWeights<float>& weights, const float* positions,
                         const EmbeddingBatch<float>& batch, float* sums) {
  using Rows = std::array<TokenRow<1 + kPositions + kSegments>, kTogether>;
  std::size_t l = 0;
  std::size_t b = 0;
  const auto take = [&](Rows& rows) {
    std::size_t taken = 0;
    while (taken < kTogether && l < batch.shape.length) {
      const float* position = kPositions ? positions + l * batch.shape.hidden : nullptr;
      rows[taken++] = RowOf<kPositions, kSegments>(weights, batch, b, l, position);
      b = b + 1 == batch.shape.batch ? 0 : b + 1;
      if (b == 0) ++l;
    }
    return taken;
  };
  Rows rows{};
  std::size_t taken = take(rows);
  Rows next = rows;
  while (taken == kTogether) {
    taken = take(next);
    Normalise<kTogether>(AddAddends(), rows.data(), next.data(), weights, sums);
    rows = next;
  }
  for (std::size_t r = 0; r < taken; ++r) {
    Normalise<1>(AddAddends(), rows.data() + r, rows.data() + r, weights, sums);
  }
}

void Embed(const EmbeddingWeights<float>& weights, const float* positions,
           const EmbeddingBatch<float>& batch, float* sums) {
  if (positions == nullptr) {
    batch.segment_ids == nullptr ? EmbedAll<false, false>(weights, positions, batch, sums)
                                 : EmbedAll<false, true>(weights, positions, batch, sums);
  } else {
    batch.segment_ids == nullptr ? EmbedAll<true, false>(weights, positions, batch, sums)
                                 : EmbedAll<true, true>(weights, positions, batch, sums);
  }
}

// One text whose positions turn.
template <Convention kConvention, bool kSegments>
HWY_INLINE void EmbedText(const EmbeddingWeights<float>& weights,
                          const AddTurning<kConvention>& adding, std::size_t first,
                          const EmbeddingBatch<float>& batch, float* sums) {
  const std::size_t length = batch.shape.length;
  const auto take = [&](std::size_t l) {
    std::array<TokenRow<1 + kSegments>, kTogether> rows;
    for (std::size_t r = 0; r < kTogether; ++r) {
      const std::size_t here = HWY_MIN(l + r, length - 1);
      rows[r] = RowOf<false, kSegments>(weights, batch, 0, here, nullptr);
    }
    return rows;
  };
  for (std::size_t start = 0; start < length; start += kRecurrencePeriod) {
    adding.Start(batch.shape.hidden, first + start);
    const std::size_t end = HWY_MIN(start + kRecurrencePeriod, length);
    std::size_t l = start;
    for (; l + kTogether <= end; l += kTogether) {
      Normalise<kTogether>(adding, take(l).data(), take(l + kTogether).data(), weights, sums);
    }
    for (; l < end; ++l) Normalise<1>(adding, take(l).data(), take(l + 1).data(), weights, sums);
  }
}

void EmbedTurning(const EmbeddingWeights<float>& weights, const ComputedPositions& positions,
                  std::size_t first, const EmbeddingBatch<float>& batch, float* sums,
                  float* waiting) {
  const TurnConstants constants(positions.sinusoid, positions.constants);
  const auto run = [&](auto adding) HWY_ATTR {
    batch.segment_ids == nullptr
        ? EmbedText<decltype(adding)::kKind, false>(weights, adding, first, batch, sums)
        : EmbedText<decltype(adding)::kKind, true>(weights, adding, first, batch, sums);
  };
  if (positions.sinusoid.convention == Convention::kInterleaved) {
    run(AddTurning<Convention::kInterleaved>{constants, waiting});
  } else {
    run(AddTurning<Convention::kTensor2tensor>{constants, waiting});
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {
namespace {

HWY_EXPORT(Embed);
HWY_EXPORT(EmbedTurning);

// Whether rows are worth turning in registers while they are added, instead of being made in memory
// first: of one text only, for many share what is made. A block of the widest vectors has 32
// columns.
bool turns(const ComputedPositions& positions, BatchShape shape) {
  const bool recurrence =
      positions.producer == &kSinusoidRecurrence || positions.producer == &kSinusoidRecurrenceTiles;
  return recurrence && shape.batch == 1 && shape.hidden % 32 == 0;
}

void require_known(std::string_view what, const std::int32_t* ids, const Table<float>& table,
                   const EmbeddingBatch<float>& batch) {
  for (std::size_t b = 0; b < batch.shape.batch; ++b) {
    const std::span text(ids + b * batch.stride, batch.shape.length);
    const auto stranger = id_outside(text, table.rows);
    if (!stranger) continue;
    throw UserError(fmt::format(
        "{} id {} is outside the table of {} rows; ids and table must come from one model", what,
        *stranger, table.rows));
  }
}

// y and n floats that are read.
void require_apart(const EmbeddingBatch<float>& batch, const float* read, std::size_t n,
                   std::string_view what) {
  const auto [count, length, hidden] = batch.shape;
  const auto from = reinterpret_cast<std::uintptr_t>(read);
  const auto to = reinterpret_cast<std::uintptr_t>(batch.y);
  const std::size_t written = ((count - 1) * batch.stride + length) * hidden;
  if (n == 0 || to + written * sizeof(float) <= from || from + n * sizeof(float) <= to) return;
  throw UserError(fmt::format("the output overlaps {}; give it memory of its own", what));
}

// Memory that stays with the thread, from a cache line's begin on.
float* scratch(std::size_t floats) {
  struct alignas(64) Line {
    std::array<float, 16> values;
  };
  thread_local std::vector<Line> lines;
  lines.resize(std::max(lines.size(), floats / 16 + 1));
  return lines.front().values.data();
}

}  // namespace

void embed(const EmbeddingWeights<float>& weights, const PositionSource& positions,
           std::size_t first, const EmbeddingBatch<float>& batch) {
  const auto [count, length, hidden] = batch.shape;
  const auto* table = std::get_if<Table<float>>(&positions);
  if (table != nullptr) require_slice_inside(first, length, table->rows);
  if (batch.shape.elements() == 0) return;
  require_known("token", batch.token_ids, weights.tokens, batch);
  if (batch.segment_ids != nullptr) {
    require_known("segment", batch.segment_ids, weights.segments, batch);
    require_apart(batch, weights.segments.values, weights.segments.rows * hidden, "the segments");
  }
  require_apart(batch, weights.tokens.values, weights.tokens.rows * hidden, "the table of tokens");
  require_apart(batch, weights.gamma, hidden, "gamma");
  require_apart(batch, weights.beta, hidden, "beta");

  const std::size_t sums = kTogether * sum_stride(hidden);
  if (const auto* computed = std::get_if<ComputedPositions>(&positions)) {
    float* buffer = scratch(sums + kRecurrencePeriod * hidden);
    if (turns(*computed, batch.shape)) {
      HWY_DYNAMIC_DISPATCH(EmbedTurning)(weights, *computed, first, batch, buffer, buffer + sums);
      return;
    }
    for (std::size_t row = 0; row < length; row += kRecurrencePeriod) {
      const std::size_t rows = std::min(kRecurrencePeriod, length - row);
      computed->producer->rows(computed->sinusoid, computed->constants,
                               static_cast<std::int64_t>(first + row), rows, buffer + sums);
      HWY_DYNAMIC_DISPATCH(Embed)(weights, buffer + sums, batch.positions(row, rows), buffer);
    }
    return;
  }
  const float* rows = nullptr;
  if (table != nullptr) {
    rows = table->values + first * hidden;
    require_apart(batch, rows, length * hidden, "the table of positions");
  }
  HWY_DYNAMIC_DISPATCH(Embed)(weights, rows, batch, scratch(sums));
}

}  // namespace posbench
#endif  // HWY_ONCE
