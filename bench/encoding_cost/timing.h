// How one slice of one arm is timed in each cache state.
#pragma once

#include <cstdint>
#include <vector>

#include "blocks.h"
#include "encoding_cost/arms.h"
#include "encoding_cost/buffers.h"
#include "encoding_cost/cell.h"
#include "team.h"

namespace posbench {

class Timer {
 public:
  /// `team` runs the calls, each thread for its share of the positions.
  Timer(const Cell& cell, Team& team);

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
  double time_together(const Arm& arm, std::int64_t calls);
  double time_after_sweeps(const Arm& arm);
  void call(const Arm& arm);
  void sweep();

  Team& team_;
  std::size_t length_;
  std::size_t turn_ = 0;  // calls so far
  bool sweeps_;
  double slice_seconds_;
  double stamp_seconds_;
  Random random_;
  std::size_t weight_floats_;
  Buffer layer_;  // stands for the weights and activations of one encoder layer
};

/// Every arm with its pace found. The timer and the arms must outlive the result.
std::vector<PacedArm> pace_arms(const std::vector<Arm>& arms, const Cell& cell, Timer& timer);

/// An arm far slower than the others runs in every fifth block only: its ratio to them is far from
/// 1 and needs fewer samples than it costs. Far slower: more than two slices a call and more than
/// four calls of the fastest arm.
inline bool is_slow(double seconds_per_call, double slice_seconds, double fastest_seconds) {
  return seconds_per_call > 2 * slice_seconds && seconds_per_call > 4 * fastest_seconds;
}

}  // namespace posbench
