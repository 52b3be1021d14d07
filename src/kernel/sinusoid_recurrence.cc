// The producers by rotation: row t + k is row t turned by kω, four multiplications a pair and no
// trigonometry. Every 16 rows start afresh from the polynomial of sinusoid_simd.cc, because each
// turn adds about one rounding error; never starting afresh would end at 8e-5 after 2,048 rows.
//
// The ladder of versions:
// - scalar: sinusoid_reference (kernel/sinusoid.h), row by row in long double.
// - recurrence: columns outside, rows inside. Two chains of rows, even and odd, turn by 2ω in
//   registers, and memory is met in a new row every few lines. Each batch element makes its rows
//   anew: turning costs less than reading rows back from L2.
// - recurrence_tiles: rows outside. Four rows at a time turn by ω, and the pair that goes on to the
//   next four waits in L1; with four batch elements and more, one row of four elements at a time.
//
// Precision: 1e-6 at every t up to 10^6. Traffic in f32: x and y, 8 bytes an element; the
// constants, 20 bytes a column (12 for tiles), stay in L1 or L2.
#include <array>

#include "kernel/sinusoid_producers.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/sinusoid_recurrence.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include "kernel/sinusoid_turn-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

// At most 16 rows of kBlocks neighbouring blocks; kPartial: of one block that is not full.
template <Convention kConvention, std::size_t kBlocks, bool kPartial, class Sink>
HWY_INLINE void TurnColumns(const TurnConstants& constants, std::size_t i, std::size_t pairs, V t,
                            std::size_t rows, Sink sink, std::size_t start) {
  const std::size_t lanes = hn::Lanes(D());
  const std::size_t d = 2 * pairs;
  std::array<Block, kBlocks> even;
  std::array<Block, kBlocks> odd;
  std::array<Block, kBlocks> cos;
  std::array<Block, kBlocks> sin;
  for (std::size_t n = 0; n < kBlocks; ++n) {
    const std::size_t at = i + n * lanes;
    even[n] = ToBlock<kConvention>(constants.Seed(t, at));
    odd[n] =
        Turn<kConvention>(even[n], LoadBlock(constants.cos1, at), LoadBlock(constants.sin1, at));
    cos[n] = LoadBlock(constants.cos2, at);
    sin[n] = LoadBlock(constants.sin2, at);
  }
  const auto give = [&](std::size_t row, std::array<Block, kBlocks>& blocks) HWY_ATTR {
    for (std::size_t n = 0; n < kBlocks; ++n) {
      if constexpr (kPartial) {
        GiveLast<kConvention>(sink, start + row * d, i, pairs, blocks[n]);
      } else {
        Give<kConvention>(sink, start + row * d, i + n * lanes, pairs, blocks[n]);
      }
      blocks[n] = Turn<kConvention>(blocks[n], cos[n], sin[n]);
    }
  };
  std::size_t row = 0;
  for (; row + 2 <= rows; row += 2) {
    give(row, even);
    give(row + 1, odd);
  }
  if (row < rows) give(row, even);
}

struct Columns {
  TurnConstants constants;

  template <Convention kConvention, class Sink>
  void Rows(std::size_t pairs, std::int64_t first, std::size_t rows, Sink sink) const {
    // Two blocks at once need 24 registers, which only AVX-512 has.
    constexpr std::size_t kBlocks = hn::MaxLanes(D()) >= 16 ? 2 : 1;
    const std::size_t lanes = hn::Lanes(D());
    for (std::size_t row = 0; row < rows; row += kRecurrencePeriod) {
      const V t = PositionOf(first, row);
      const std::size_t count = HWY_MIN(kRecurrencePeriod, rows - row);
      const std::size_t start = row * 2 * pairs;
      std::size_t i = 0;
      for (; i + kBlocks * lanes <= pairs; i += kBlocks * lanes) {
        TurnColumns<kConvention, kBlocks, false>(constants, i, pairs, t, count, sink, start);
      }
      for (; i + lanes <= pairs; i += lanes) {
        TurnColumns<kConvention, 1, false>(constants, i, pairs, t, count, sink, start);
      }
      if (i < pairs) TurnColumns<kConvention, 1, true>(constants, i, pairs, t, count, sink, start);
    }
  }

  template <Convention kConvention, Store kStore, class T>
  void Add(std::size_t pairs, std::int64_t first, const Sum<T>& sum) const {
    for (std::size_t b = 0; b < sum.shape.batch; ++b) {
      const AddTo<T, kStore> sink{sum.x + b * sum.stride, sum.y + b * sum.stride};
      Rows<kConvention>(pairs, first, sum.shape.length, sink);
    }
  }
};

struct Tiles {
  TurnConstants constants;

  // Pairs whose turning blocks wait in 8 KiB of L1; wider rows are made in several strips.
  static constexpr std::size_t kStrip = 1024;

  template <Convention kConvention, class Sink>
  void Rows(std::size_t pairs, std::int64_t first, std::size_t rows, Sink sink) const {
    Strips<kConvention, 4>(pairs, first, rows, std::array<Sink, 1>{sink});
  }

  // One row of four batch elements, or four rows of one; non-temporal, which wants each element
  // walked in order, one row of one.
  template <Convention kConvention, Store kStore, class T>
  void Add(std::size_t pairs, std::int64_t first, const Sum<T>& sum) const {
    const auto at = [&sum](std::size_t b) HWY_ATTR {
      return AddTo<T, kStore>{sum.x + b * sum.stride, sum.y + b * sum.stride};
    };
    const std::size_t length = sum.shape.length;
    std::size_t b = 0;
    for (; b + 4 <= sum.shape.batch; b += 4) {
      const std::array four = {at(b), at(b + 1), at(b + 2), at(b + 3)};
      Strips<kConvention, 1>(pairs, first, length, four);
    }
    for (; b < sum.shape.batch; ++b) {
      const std::array one = {at(b)};
      if constexpr (kStore == Store::kNonTemporal) {
        Strips<kConvention, 1>(pairs, first, length, one);
      } else if (sum.x != sum.y && 2 * pairs * sizeof(T) % 4096 == 0) {
        // Such rows compete for the same eight places in L1: two of x and two of y are enough.
        Strips<kConvention, 2>(pairs, first, length, one);
      } else {
        Strips<kConvention, 4>(pairs, first, length, one);
      }
    }
  }

  template <Convention kConvention, std::size_t kRows, std::size_t kElements, class Sink>
  void Strips(std::size_t pairs, std::int64_t first, std::size_t rows,
              const std::array<Sink, kElements>& sinks) const {
    const std::size_t lanes = hn::Lanes(D());
    const std::size_t full = pairs / lanes * lanes;
    for (std::size_t row = 0; row < rows; row += kRecurrencePeriod) {
      const V t = PositionOf(first, row);
      const std::size_t count = HWY_MIN(kRecurrencePeriod, rows - row);
      const std::size_t start = row * 2 * pairs;
      for (std::size_t i = 0; i < full; i += kStrip) {
        Strip<kConvention, kRows>(pairs, i, HWY_MIN(full, i + kStrip), t, count, sinks, start);
      }
      if (full == pairs) continue;
      for (const Sink& sink : sinks) Rest<kConvention>(pairs, full, t, count, sink, start);
    }
  }

  // At most 16 rows of pairs begin … end − 1, kRows at a time.
  template <Convention kConvention, std::size_t kRows, std::size_t kElements, class Sink>
  HWY_INLINE void Strip(std::size_t pairs, std::size_t begin, std::size_t end, V t,
                        std::size_t rows, std::array<Sink, kElements> sinks,
                        std::size_t start) const {
    const D d;
    const std::size_t lanes = hn::Lanes(d);
    const TurnConstants turns = constants;  // see AddTo
    HWY_ALIGN float waiting[2 * kStrip];
    for (std::size_t i = begin; i < end; i += lanes) {
      const Block seed = ToBlock<kConvention>(turns.Seed(t, i));
      hn::Store(seed.a, d, waiting + 2 * (i - begin));
      hn::Store(seed.b, d, waiting + 2 * (i - begin) + lanes);
    }
    std::size_t row = 0;
    for (; row + kRows <= rows; row += kRows) {
      for (std::size_t i = begin; i < end; i += lanes) {
        TurnTile<kConvention, kRows>(turns, pairs, i, waiting + 2 * (i - begin), sinks,
                                     start + row * 2 * pairs);
      }
    }
    for (; row < rows; ++row) {
      for (std::size_t i = begin; i < end; i += lanes) {
        TurnTile<kConvention, 1>(turns, pairs, i, waiting + 2 * (i - begin), sinks,
                                 start + row * 2 * pairs);
      }
    }
  }

  // kRows rows of one block for every sink. All is read before anything is written: rows that lie a
  // multiple of 4 KiB apart would else make each read wait for the write before it.
  template <Convention kConvention, std::size_t kRows, std::size_t kElements, class Sink>
  static HWY_INLINE void TurnTile(const TurnConstants& turns, std::size_t pairs, std::size_t i,
                                  float* HWY_RESTRICT waiting,
                                  const std::array<Sink, kElements>& sinks, std::size_t start) {
    const D d;
    const std::size_t lanes = hn::Lanes(d);
    const std::size_t a = start + ColumnA<kConvention>(i);
    const std::size_t b = start + ColumnB<kConvention>(i, pairs);
    std::array<Block, kRows * kElements> before;
    for (std::size_t k = 0; k < kRows; ++k) {
      for (std::size_t e = 0; e < kElements; ++e) {
        before[k * kElements + e] = {sinks[e].Read(a + k * 2 * pairs),
                                     sinks[e].Read(b + k * 2 * pairs)};
      }
    }
    Block block = {hn::Load(d, waiting), hn::Load(d, waiting + lanes)};
    const Block cos = LoadBlock(turns.cos1, i);
    const Block sin = LoadBlock(turns.sin1, i);
    for (std::size_t k = 0; k < kRows; ++k) {
      for (std::size_t e = 0; e < kElements; ++e) {
        sinks[e].Write(a + k * 2 * pairs, before[k * kElements + e].a, block.a);
        sinks[e].Write(b + k * 2 * pairs, before[k * kElements + e].b, block.b);
      }
      block = Turn<kConvention>(block, cos, sin);
    }
    hn::Store(block.a, d, waiting);
    hn::Store(block.b, d, waiting + lanes);
  }

  // The block at the end of the rows that is not full.
  template <Convention kConvention, class Sink>
  HWY_NOINLINE void Rest(std::size_t pairs, std::size_t i, V t, std::size_t rows, Sink sink,
                         std::size_t start) const {
    Block block = ToBlock<kConvention>(constants.Seed(t, i));
    const Block cos = LoadBlock(constants.cos1, i);
    const Block sin = LoadBlock(constants.sin1, i);
    for (std::size_t row = 0; row < rows; ++row) {
      GiveLast<kConvention>(sink, start + row * 2 * pairs, i, pairs, block);
      block = Turn<kConvention>(block, cos, sin);
    }
  }
};

// Half-turns in two floats, then the turns by 1 … `steps` times ω.
std::vector<float> ConstantsFor(Sinusoid sinusoid, int steps) {
  const std::size_t lanes = hn::Lanes(D());
  const std::vector<float> seeds = in_group_order(split_half_turns(sinusoid), sinusoid, lanes);
  std::vector<float> constants;
  constants.reserve(seeds.size() + static_cast<std::size_t>(steps) * 4 * padded_pairs(sinusoid));
  constants.insert(constants.end(), seeds.begin(), seeds.end());
  for (int step = 1; step <= steps; ++step) {
    const std::vector<float> turns = turns_in_block_order(sinusoid, step, lanes);
    constants.insert(constants.end(), turns.begin(), turns.end());
  }
  return constants;
}
std::vector<float> TileConstants(Sinusoid sinusoid) { return ConstantsFor(sinusoid, 1); }
std::vector<float> ColumnConstants(Sinusoid sinusoid) { return ConstantsFor(sinusoid, 2); }

void ColumnRows(Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
                float* out) {
  RowsBy(Columns{TurnConstants(sinusoid, constants)}, sinusoid, first, rows, out);
}
void ColumnAdd(Sinusoid sinusoid, const float* constants, std::int64_t first, const Sum<float>& sum,
               Store store) {
  AddBy(Columns{TurnConstants(sinusoid, constants)}, sinusoid, first, sum, store);
}
void ColumnAddBf16(Sinusoid sinusoid, const float* constants, std::int64_t first,
                   const Sum<Bf16>& sum, Store store) {
  AddBy(Columns{TurnConstants(sinusoid, constants)}, sinusoid, first, sum, store);
}

void TileRows(Sinusoid sinusoid, const float* constants, std::int64_t first, std::size_t rows,
              float* out) {
  RowsBy(Tiles{TurnConstants(sinusoid, constants)}, sinusoid, first, rows, out);
}
void TileAdd(Sinusoid sinusoid, const float* constants, std::int64_t first, const Sum<float>& sum,
             Store store) {
  AddBy(Tiles{TurnConstants(sinusoid, constants)}, sinusoid, first, sum, store);
}
void TileAddBf16(Sinusoid sinusoid, const float* constants, std::int64_t first,
                 const Sum<Bf16>& sum, Store store) {
  AddBy(Tiles{TurnConstants(sinusoid, constants)}, sinusoid, first, sum, store);
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

HWY_EXPORT(ColumnConstants);
HWY_EXPORT(ColumnRows);
HWY_EXPORT(ColumnAdd);
HWY_EXPORT(ColumnAddBf16);
HWY_EXPORT(TileConstants);
HWY_EXPORT(TileRows);
HWY_EXPORT(TileAdd);
HWY_EXPORT(TileAddBf16);

const SinusoidProducer kSinusoidRecurrence = {
    .name = "recurrence",
    .about = "each row turned into the row after next, in registers, a fresh start every 16 rows",
    .constants = [](Sinusoid sinusoid) { return HWY_DYNAMIC_DISPATCH(ColumnConstants)(sinusoid); },
    .rows =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(ColumnRows)
          (call...);
        },
    .add =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(ColumnAdd)
          (call...);
        },
    .add_bf16 =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(ColumnAddBf16)
          (call...);
        },
    .tolerance = [](std::int64_t) { return 1e-6; }};

const SinusoidProducer kSinusoidRecurrenceTiles = {
    .name = "recurrence_tiles",
    .about = "each row turned into the next, four rows at a time, a fresh start every 16 rows",
    .constants = [](Sinusoid sinusoid) { return HWY_DYNAMIC_DISPATCH(TileConstants)(sinusoid); },
    .rows =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(TileRows)
          (call...);
        },
    .add =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(TileAdd)
          (call...);
        },
    .add_bf16 =
        [](auto... call) {
          HWY_DYNAMIC_DISPATCH(TileAddBf16)
          (call...);
        },
    .tolerance = [](std::int64_t) { return 1e-6; }};

}  // namespace posbench
#endif  // HWY_ONCE
