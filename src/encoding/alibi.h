// The slopes of ALiBi (Press et al. 2022).
#pragma once

#include <vector>

namespace posbench {

/// (H). For a power of two 2^(−8/H), its square, its cube …; else those of the power of two below,
/// then every other slope of the power above (the authors' get_slopes).
std::vector<double> alibi_slopes(int heads);

}  // namespace posbench
