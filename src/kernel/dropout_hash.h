// Which elements dropout keeps, one element at a time; the vector code does the same to sixteen.
#pragma once

#include <cstdint>

namespace posbench {

/// The secret half of the hash: two words for each run of 2^32 elements of a stream.
struct DropoutKey {
  std::uint32_t before;
  std::uint32_t between;
};

inline std::uint64_t mix64(std::uint64_t x) {  // the finisher of SplitMix64
  x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9u;
  x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EBu;
  return x ^ (x >> 31);
}

/// `run` is the element's number divided by 2^32.
inline DropoutKey dropout_key(std::uint64_t stream, std::uint64_t run) {
  const std::uint64_t key = mix64(mix64(stream + 0x9E37'79B9'7F4A'7C15u) + run);
  return {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
}

/// C. Wellons' triple32, the 32-bit mixer of least bias he found, with the key put in twice:
/// were it put in only before, two streams would be one sequence in another order.
inline std::uint32_t dropout_hash(DropoutKey key, std::uint32_t i) {
  std::uint32_t h = i + key.before;
  h = (h ^ (h >> 17)) * 0xED5A'D4BBu;
  h = (h ^ (h >> 11)) + key.between;
  h = h * 0xAC4C'1B51u;
  h = (h ^ (h >> 15)) * 0x3184'8BABu;
  return h ^ (h >> 14);
}

/// An element goes where its hash is below this: p · 2^32, p < 1.
inline std::uint32_t dropout_threshold(double p) { return static_cast<std::uint32_t>(p * 0x1p32); }

}  // namespace posbench
