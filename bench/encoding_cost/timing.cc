#include "encoding_cost/timing.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <limits>

#include "kernel/topology.h"

namespace posbench {
namespace {

constexpr std::size_t kLineFloats = 16;
constexpr double kClockTick = 1e-9;  // no call is shorter than the clock can say

std::size_t weight_floats(BatchShape shape) { return 12 * shape.hidden * shape.hidden; }

// 12 d² weights (four d × d in attention, two d × 4d in the feed-forward) and about 12 activations
// a token and column, in floats. Twice the last cache is enough to have swept it.
std::size_t layer_floats(const Cell& cell) {
  if (cell.state != CacheState::kInModel) return 0;
  const std::size_t enough = 2 * cache_sizes().l3_bytes / sizeof(float);
  return std::min(weight_floats(cell.shape) + 12 * cell.shape.elements(), enough);
}

}  // namespace

Timer::Timer(const Cell& cell, Team& team)
    : team_(team),
      length_(cell.shape.length),
      sweeps_(cell.state == CacheState::kInModel),
      slice_seconds_(cell.slice_seconds),
      stamp_seconds_(time_stamp_cost()),
      random_(cell.seed, "layer"),
      weight_floats_(weight_floats(cell.shape)),
      layer_(layer_floats(cell), random_) {
  // Pages that were never written all share one page of zeros, and reading that evicts nothing.
  std::fill_n(layer_.data(), layer_.size(), 1.0f);
}

Timer::Pace Timer::calibrate(const Arm& arm) {
  if (sweeps_) return {1, time_after_sweeps(arm)};
  std::int64_t calls = 1;
  double seconds = time_together(arm, calls);
  // Calls of a few nanoseconds need a longer look than one time stamp allows.
  while (seconds < 0.1 * slice_seconds_ && calls < 1'000'000) {
    calls *= 4;
    seconds = time_together(arm, calls);
  }
  const double per_call = seconds / static_cast<double>(calls);
  return {std::max<std::int64_t>(1, static_cast<std::int64_t>(slice_seconds_ / per_call)),
          per_call};
}

double Timer::slice(const Arm& arm, std::int64_t calls) {
  if (sweeps_) return time_after_sweeps(arm);
  return time_together(arm, calls) / static_cast<double>(calls);
}

double Timer::time_together(const Arm& arm, std::int64_t calls) {
  const double start = seconds_now();
  for (std::int64_t i = 0; i < calls; ++i) {
    call(arm);
    benchmark::ClobberMemory();
  }
  return seconds_now() - start;
}

// One thread calls without the team's rendezvous, which takes a fraction of a microsecond.
void Timer::call(const Arm& arm) {
  const std::size_t turn = turn_++;
  if (team_.size() == 1) {
    arm.call(turn, {0, length_});
  } else {
    team_.run([&](int part, int parts) { arm.call(turn, partition(length_, part, parts)); });
  }
}

double Timer::time_after_sweeps(const Arm& arm) {
  const double begin = seconds_now();
  double inside = 0.0;
  int calls = 0;
  do {
    sweep();
    const double start = seconds_now();
    call(arm);
    benchmark::ClobberMemory();
    inside += std::max(kClockTick, seconds_now() - start - stamp_seconds_);
    ++calls;
  } while (seconds_now() - begin < slice_seconds_);
  return inside / calls;
}

// Touches every cache line, each thread its share: weights are read, activations read and written.
void Timer::sweep() {
  float* floats = layer_.data();
  const std::size_t weights = std::min(weight_floats_, layer_.size());
  team_.run([&](int part, int parts) {
    const Share lines = partition(layer_.size() / kLineFloats, part, parts);
    float sum = 0.0f;
    for (std::size_t i = lines.begin * kLineFloats; i < lines.end * kLineFloats; i += kLineFloats) {
      if (i < weights) {
        sum += floats[i];
      } else {
        floats[i] += 1.0f;
      }
    }
    benchmark::DoNotOptimize(sum);
    benchmark::ClobberMemory();
  });
}

std::vector<PacedArm> pace_arms(const std::vector<Arm>& arms, const Cell& cell, Timer& timer) {
  std::vector<Timer::Pace> paces;
  double fastest = std::numeric_limits<double>::infinity();
  for (const Arm& arm : arms) {
    paces.push_back(timer.calibrate(arm));
    if (arm.name != "none") fastest = std::min(fastest, paces.back().seconds_per_call);
  }
  std::vector<PacedArm> paced;
  for (std::size_t i = 0; i < paces.size(); ++i) {
    const Arm& arm = arms[i];
    const std::int64_t calls = paces[i].calls;
    paced.push_back({arm.name, [&arm, &timer, calls] { return timer.slice(arm, calls); },
                     is_slow(paces[i].seconds_per_call, cell.slice_seconds, fastest)});
  }
  return paced;
}

}  // namespace posbench
