// How fast this core can multiply and add at all: what shares of a limit are shares of.
#pragma once

namespace posbench {

/// 10⁹ multiplications and additions a second in f32, by as many independent chains of fused
/// multiply-adds in registers as hide each other's latency, at the instruction set that the kernels
/// use in this process (below AVX2 a multiplication and an addition stand for the fused pair). The
/// best of many slices: about ten milliseconds in all.
double measured_peak_gflops();

}  // namespace posbench
