// What papers and widely used code compute, in long double and from their formulae alone: nothing
// here uses src/encoding or src/kernel, which are compared with it.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace posbench::reference {

/// Writes row `r` of a table, as wide as `row`.
using Row = std::function<void(long r, std::span<long double> row)>;

/// Sines and cosines of position · ω_i, i = 0 … d/2 − 1 (Vaswani 2017, §3.5).
struct SinusoidForm {
  bool halves;  ///< all sines, then all cosines; else they take turns
  /// ω_i = 10000^(−i/(d/2 − 1)) as in tensor2tensor's get_timing_signal_1d; else the paper's
  /// 10000^(−2i/d).
  bool tensor2tensor;
  bool cosine_first = false;
};
Row sinusoid(SinusoidForm form, std::size_t hidden);

/// The column of a table in halves that stands in each column of the one in turns (d).
std::vector<std::size_t> turns_of_halves(std::size_t hidden);

/// RoFormer (Su 2021), equations 15 and 34: the first `rotated` columns of a head turn by
/// position · 10000^(−2i/rotated), in planes of neighbours or of columns rotated/2 apart.
struct RopeForm {
  bool pairs;
  std::size_t rotated;
};
/// Row t is R_t (size, size): at j · size + c, component c of the turned unit vector j.
Row rope(RopeForm form, std::size_t size);
/// Row t of the usual tables: cosines (rotated) and sines (rotated), each angle in the two columns
/// of its plane.
Row rope_tables(RopeForm form);

/// Slopes of ALiBi (Press 2022): the authors' get_slopes, and the paper's 2^(−8h/H), h = 1 … H,
/// which the former is for powers of two.
std::vector<long double> alibi_slopes(std::size_t heads);
std::vector<long double> alibi_geometric_slopes(std::size_t heads);

/// T5's bucket (Raffel 2020) of a distance key − query: 32 buckets, the last from 128 or less on.
int t5_bucket(long distance, bool causal);

/// TUPE-A (Ke 2021), equations 7 to 10. Its values: p (L, d), γ and β (d), U_Q and U_K (H, d,
/// size), θ1 and θ2 (H).
struct TupeForm {
  std::size_t length, hidden, heads;
};
/// Row h is the score of places (L, L) of head h; the first row of a text untied from them or not.
Row tupe(TupeForm form, std::vector<long double> values, bool unties_first);

}  // namespace posbench::reference
