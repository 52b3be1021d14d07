// Named, reproducible random streams. Two arms of a study that share a seed draw the same numbers
// for everything they share, because each purpose has a stream of its own: a position table that
// exists in one arm only cannot shift the token table of the other.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace posbench {

/// SplitMix64 (Steele, Lea, Flood 2014), started from the seed and the purpose's name.
class Random {
 public:
  Random(std::uint64_t seed, std::string_view purpose);

  std::uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in 0 … bound−1, without modulo bias.
  std::uint64_t below(std::uint64_t bound);
  /// Normal with mean 0 and deviation 1 (Box and Muller).
  double normal();
  /// Normal cut at two deviations, as TensorFlow's truncated_normal draws BERT's initial weights.
  double truncated_normal();

  /// Fisher and Yates.
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[below(i)]);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace posbench
