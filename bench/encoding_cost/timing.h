// How one slice of one arm is timed in each cache state.
#pragma once

#include <cstdint>

#include "encoding_cost/arms.h"
#include "encoding_cost/buffers.h"
#include "encoding_cost/cell.h"

namespace posbench {

class Timer {
 public:
  explicit Timer(const Cell& cell);

  /// How many calls of the arm fill a slice, found by calling it. One where a single call fills it.
  struct Pace {
    std::int64_t calls;
    double seconds_per_call;
  };
  Pace calibrate(const Arm& arm);

  /// One slice: seconds per call. Hot and cold: `calls` calls between two time stamps. In-model:
  /// each call by itself after a sweep, until sweeps and calls have filled the slice; the time
  /// stamps' own cost is taken off.
  double slice(const Arm& arm, std::int64_t calls);

 private:
  double time_together(const Arm& arm, std::int64_t calls) const;
  double time_after_sweeps(const Arm& arm);
  void sweep();

  bool sweeps_;
  double slice_seconds_;
  double stamp_seconds_;
  Random random_;
  std::size_t weight_floats_;
  Buffer layer_;  // stands for the weights and activations of one encoder layer
};

/// What two time stamps with nothing between them differ by: the smallest of many.
double time_stamp_cost();

}  // namespace posbench
