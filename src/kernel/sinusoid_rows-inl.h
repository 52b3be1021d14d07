// What the vectorised producers share, compiled once per instruction set (Highway's -inl.h idiom).
#include "kernel/sinusoid_producers.h"

#if defined(POSBENCH_SINUSOID_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef POSBENCH_SINUSOID_ROWS_INL_H_
#undef POSBENCH_SINUSOID_ROWS_INL_H_
#else
#define POSBENCH_SINUSOID_ROWS_INL_H_
#endif

#include "kernel/add-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

struct SinCos {
  V sin;
  V cos;
};

// Two vectors of neighbouring columns. `interleaved`: a holds columns 2i … 2i + N − 1 and b the
// next N, sines and cosines in turn. `tensor2tensor`: a holds the sines, columns i … i + N − 1, and
// b the cosines in columns d/2 + i … .
struct Block {
  V a;
  V b;
};

// Whether a vector of this convention holds sines and cosines in turn. Not with vectors of one
// lane, which then stand beside each other.
template <Convention kConvention>
inline constexpr bool kInTurn = kConvention == Convention::kInterleaved&& HWY_TARGET != HWY_SCALAR;

// The block of N pairs. For sines and cosines in turn the lanes must stand in group order
// (in_group_order), which makes one cheap shuffle within 128 bits put columns where they belong.
template <Convention kConvention>
HWY_INLINE Block ToBlock(SinCos value) {
#if HWY_TARGET != HWY_SCALAR  // which lacks the shuffle
  if constexpr (kInTurn<kConvention>) {
    return {hn::InterleaveLower(D(), value.sin, value.cos),
            hn::InterleaveUpper(D(), value.sin, value.cos)};
  }
#endif
  return {value.sin, value.cos};
}

// Where the pairs from i on stand in a row of 2 · pairs columns.
template <Convention kConvention>
HWY_INLINE std::size_t ColumnA(std::size_t i) {
  return kConvention == Convention::kInterleaved ? 2 * i : i;
}
template <Convention kConvention>
HWY_INLINE std::size_t ColumnB(std::size_t i, std::size_t pairs) {
  return kConvention == Convention::kInterleaved ? 2 * i + hn::Lanes(D()) : pairs + i;
}

// What becomes of computed rows: added to x, or put down as they are. `at` counts values from the
// first row's first column. Sinks are passed by value, and what else a loop needs is copied before
// it: a vector store may alias anything that lies in memory, and pointers there would be read again
// after every store.
template <class T, Store kStore>
struct AddTo {
  const T* x;
  T* y;
  HWY_INLINE V Read(std::size_t at) const { return Load(x + at); }
  HWY_INLINE void Write(std::size_t at, V before, V row) const {
    Save<kStore>(hn::Add(before, row), y + at);
  }
  HWY_INLINE void WriteOne(std::size_t at, float row) const {
    SaveOne(to_float(x[at]) + row, y + at);
  }
};
struct Put {
  float* y;
  HWY_INLINE V Read(std::size_t /*at*/) const { return hn::Zero(D()); }
  HWY_INLINE void Write(std::size_t at, V /*before*/, V row) const {
    Save<Store::kPlain>(row, y + at);
  }
  HWY_INLINE void WriteOne(std::size_t at, float row) const { y[at] = row; }
};

// A block of pairs i … i + N − 1, all of which exist, to the row that begins at `row`.
template <Convention kConvention, class Sink>
HWY_INLINE void Give(Sink sink, std::size_t row, std::size_t i, std::size_t pairs, Block block) {
  const std::size_t a = row + ColumnA<kConvention>(i);
  const std::size_t b = row + ColumnB<kConvention>(i, pairs);
  sink.Write(a, sink.Read(a), block.a);
  sink.Write(b, sink.Read(b), block.b);
}

// A block at the end of a row, of which only the first pairs − i pairs exist.
template <Convention kConvention, class Sink>
HWY_NOINLINE void GiveLast(Sink sink, std::size_t row, std::size_t i, std::size_t pairs,
                           const Block& block) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  HWY_ALIGN float values[2 * hn::MaxLanes(D())];
  hn::Store(block.a, d, values);
  hn::Store(block.b, d, values + lanes);
  const std::size_t here = pairs - i;
  for (std::size_t k = 0; k < here; ++k) {
    if constexpr (kConvention == Convention::kInterleaved) {
      sink.WriteOne(row + 2 * i + k, values[k]);
      sink.WriteOne(row + 2 * i + here + k, values[here + k]);
    } else {
      sink.WriteOne(row + i + k, values[k]);
      sink.WriteOne(row + pairs + i + k, values[lanes + k]);
    }
  }
}

// The rounding error of product = a · b, exactly: one fused multiply-subtract, or where there is
// none the 17 operations of Dekker (1971) on 12-bit halves.
HWY_INLINE V ProductError(V a, V b, V product) {
#if HWY_NATIVE_FMA
  return hn::MulSub(a, b, product);
#else
  const V splitter = hn::Set(D(), 4097.0f);  // 2^12 + 1
  const V a_shifted = hn::Mul(splitter, a);
  const V a_high = hn::Sub(a_shifted, hn::Sub(a_shifted, a));
  const V a_low = hn::Sub(a, a_high);
  const V b_shifted = hn::Mul(splitter, b);
  const V b_high = hn::Sub(b_shifted, hn::Sub(b_shifted, b));
  const V b_low = hn::Sub(b, b_high);
  V error = hn::Sub(hn::Mul(a_high, b_high), product);
  error = hn::Add(error, hn::Mul(a_high, b_low));
  error = hn::Add(error, hn::Mul(a_low, b_high));
  return hn::Add(error, hn::Mul(a_low, b_low));
#endif
}

// sin and cos of t · (high + low) half-turns. The product is formed in two floats; whole
// quarter-turns are taken off exactly and say which of two polynomials is the sine, which the
// cosine, and their signs. What is left is within half a quarter-turn, and a little more where t is
// large and the product coarse: polynomials of degrees 7 and 6, fitted by iterated least squares to
// 0.533 quarter-turns (their own errors: 2.1e-9 and 5.4e-8), serve to t = 10^6.
HWY_INLINE SinCos SinCosHalfTurns(V t, V high, V low) {
  const D d;
  const hn::RebindToSigned<D> di;
  const auto set = [d](float value) HWY_ATTR { return hn::Set(d, value); };

  const V twice = hn::Add(t, t);  // in quarter-turns
  const V product = hn::Mul(twice, high);
  const V rest = hn::MulAdd(twice, low, ProductError(twice, high, product));
  // Adding 1.5 · 2^23 leaves no bits for fractions: the sum's low bits are the nearest whole
  // number. At t = 10^6 `product` alone is up to 1/32 off, and `low` moves the angle as much again:
  // rounding it would leave 0.56 quarter-turns, more than the polynomials serve.
  const V shifter = set(12582912.0f);
#if HWY_NATIVE_FMA
  const V shifted = hn::MulAdd(twice, high, shifter);
#else
  const V shifted = hn::Add(hn::Add(product, rest), shifter);
#endif
  const auto quarter = hn::BitCast(di, shifted);
  const V r = hn::Add(hn::Sub(product, hn::Sub(shifted, shifter)), rest);

  const V z = hn::Mul(r, r);
  V odd = hn::MulAdd(set(-0.004580135f), z, set(0.07967103f));
  odd = hn::MulAdd(odd, z, set(-0.6459624f));
  odd = hn::MulAdd(odd, z, set(1.5707963f));
  odd = hn::Mul(odd, r);
  V even = hn::MulAdd(set(-0.02036691f), z, set(0.253588f));
  even = hn::MulAdd(even, z, set(-1.2336967f));
  even = hn::MulAdd(even, z, set(1.0f));

  // Quarters 0, 1, 2, 3: the sine is odd, even, −odd, −even; the cosine even, −odd, −even, odd.
  const auto swap = hn::RebindMask(d, hn::TestBit(quarter, hn::Set(di, 1)));
  const V sign_bit = hn::BitCast(d, hn::Set(di, hwy::LimitsMin<std::int32_t>()));
  const V sine_sign = hn::And(hn::BitCast(d, hn::ShiftLeft<30>(quarter)), sign_bit);
  const V cosine_sign =
      hn::And(hn::BitCast(d, hn::ShiftLeft<30>(hn::Add(quarter, hn::Set(di, 1)))), sign_bit);
  return {hn::Xor(hn::IfThenElse(swap, even, odd), sine_sign),
          hn::Xor(hn::IfThenElse(swap, odd, even), cosine_sign)};
}

// The same for several batch elements, whose rows lie `stride` values apart: each block is made
// once for all of them.
template <std::size_t kElements, class T, Store kStore>
struct AddToEach {
  AddTo<T, kStore> first;
  std::size_t stride;
  HWY_INLINE AddTo<T, kStore> operator[](std::size_t e) const {
    return {first.x + e * stride, first.y + e * stride};
  }
};
template <Convention kConvention, std::size_t kElements, class T, Store kStore>
HWY_INLINE void Give(AddToEach<kElements, T, kStore> sinks, std::size_t row, std::size_t i,
                     std::size_t pairs, Block block) {
  for (std::size_t e = 0; e < kElements; ++e) Give<kConvention>(sinks[e], row, i, pairs, block);
}
template <Convention kConvention, std::size_t kElements, class T, Store kStore>
HWY_INLINE void GiveLast(AddToEach<kElements, T, kStore> sinks, std::size_t row, std::size_t i,
                         std::size_t pairs, const Block& block) {
  for (std::size_t e = 0; e < kElements; ++e) GiveLast<kConvention>(sinks[e], row, i, pairs, block);
}

// The kernel of a way to make pairs: `Make` is a function object whose (t, i) gives the SinCos of N
// pairs from i at position t.
template <class Make>
struct PairByPair {
  Make make;

  // Rows first … first + rows − 1 to a sink, row by row, the order that memory likes best.
  template <Convention kConvention, class Sink>
  void Rows(std::size_t pairs, std::int64_t first, std::size_t rows, Sink sink) const {
    const Make make_pairs = make;  // see AddTo
    const D d;
    const std::size_t lanes = hn::Lanes(d);
    for (std::size_t row = 0; row < rows; ++row) {
      const V t = hn::Set(d, static_cast<float>(first + static_cast<std::int64_t>(row)));
      const std::size_t at = row * 2 * pairs;
      std::size_t i = 0;
      for (; i + lanes <= pairs; i += lanes) {
        Give<kConvention>(sink, at, i, pairs, ToBlock<kConvention>(make_pairs(t, i)));
      }
      if (i < pairs)
        GiveLast<kConvention>(sink, at, i, pairs, ToBlock<kConvention>(make_pairs(t, i)));
    }
  }

  // Four batch elements at once, then one by one.
  template <Convention kConvention, Store kStore, class T>
  void Add(std::size_t pairs, std::int64_t first, const Sum<T>& sum) const {
    const std::size_t length = sum.shape.length;
    const auto at = [&sum](std::size_t b) HWY_ATTR {
      return AddTo<T, kStore>{sum.x + b * sum.stride, sum.y + b * sum.stride};
    };
    std::size_t b = 0;
    for (; b + 4 <= sum.shape.batch; b += 4) {
      const AddToEach<4, T, kStore> sinks{at(b), sum.stride};
      Rows<kConvention>(pairs, first, length, sinks);
    }
    for (; b < sum.shape.batch; ++b) Rows<kConvention>(pairs, first, length, at(b));
  }
};

// From the values of a call to the template that they select. A kernel has
//   Rows<Convention>(pairs, first, rows, sink) and Add<Convention, Store>(pairs, first, sum).
template <class Kernel>
void RowsBy(const Kernel& kernel, Sinusoid sinusoid, std::int64_t first, std::size_t rows,
            float* out) {
  if (sinusoid.convention == Convention::kInterleaved) {
    kernel.template Rows<Convention::kInterleaved>(sinusoid.pairs(), first, rows, Put{out});
  } else {
    kernel.template Rows<Convention::kTensor2tensor>(sinusoid.pairs(), first, rows, Put{out});
  }
}

template <Store kStore, class Kernel, class T>
void AddStoring(const Kernel& kernel, Sinusoid sinusoid, std::int64_t first, const Sum<T>& sum) {
  if (sinusoid.convention == Convention::kInterleaved) {
    kernel.template Add<Convention::kInterleaved, kStore>(sinusoid.pairs(), first, sum);
  } else {
    kernel.template Add<Convention::kTensor2tensor, kStore>(sinusoid.pairs(), first, sum);
  }
}

template <class Kernel, class T>
void AddBy(const Kernel& kernel, Sinusoid sinusoid, std::int64_t first, const Sum<T>& sum,
           Store store) {
  if (Streams(sum, store)) {
    AddStoring<Store::kNonTemporal>(kernel, sinusoid, first, sum);
    hwy::FlushStream();
  } else {
    AddStoring<Store::kPlain>(kernel, sinusoid, first, sum);
  }
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
