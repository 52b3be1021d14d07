// The buckets of T5's relative bias (Raffel et al. 2020).
#pragma once

namespace posbench {

inline constexpr int kT5Buckets = 32;
inline constexpr int kT5Distance = 128;  ///< what the logarithmic buckets aim at

/// The bucket of distance j − i (key minus query). Causal: all buckets are for keys behind the
/// query, and those before it share the first; else half of them serve each side. Half of a side's
/// buckets are single distances, the others grow with the logarithm, the last takes all the rest.
int t5_bucket(long distance, bool causal);

}  // namespace posbench
