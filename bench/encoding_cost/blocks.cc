#include "encoding_cost/blocks.h"

#include <benchmark/benchmark.h>

#include <limits>
#include <sstream>

#include "encoding_cost/timing.h"

namespace posbench {
namespace {

constexpr int kFewestBlocks = 5;

struct Paced {
  Arm* arm;
  std::int64_t calls;
  bool slow;
};

std::vector<Paced> calibrate(Arms& arms, const Cell& cell, Timer& timer) {
  std::vector<Timer::Pace> paces;
  double fastest = std::numeric_limits<double>::infinity();
  for (const Arm& arm : arms.arms()) {
    paces.push_back(timer.calibrate(arm));
    if (arm.name != "none") fastest = std::min(fastest, paces.back().seconds_per_call);
  }
  std::vector<Paced> paced;
  for (std::size_t i = 0; i < paces.size(); ++i) {
    paced.push_back({&arms.arms()[i], paces[i].calls,
                     is_slow(paces[i].seconds_per_call, cell.slice_seconds, fastest)});
  }
  return paced;
}

// Keeps the runs of all blocks and prints nothing.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& /*context*/) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      runs_.push_back(run);
      // Every block registers anew with one iteration; for compare.py, blocks are repetitions of
      // one benchmark, whose name is the arm's and the cell's and says nothing about how it was
      // run.
      runs_.back().run_name.iterations.clear();
      runs_.back().run_name.time_type.clear();
      runs_.back().repetition_index = block_;
    }
  }

  void begin_block(int block) { block_ = block; }

  Measured finish() {
    Measured measured;
    for (Run& run : runs_) {
      run.repetitions = block_ + 1;
      const std::string& name = run.run_name.function_name;
      Samples& samples = measured.arms[name.substr(0, name.find('/'))];
      samples.block.push_back(static_cast<int>(run.repetition_index));
      samples.ns.push_back(1e9 * run.real_accumulated_time);
    }
    std::ostringstream json;
    benchmark::JSONReporter writer;
    writer.SetOutputStream(&json);
    writer.SetErrorStream(&json);
    writer.ReportContext(Context());
    writer.ReportRuns(runs_);
    writer.Finalize();
    measured.google_benchmark_json = json.str();
    return measured;
  }

 private:
  int block_ = 0;
  std::vector<Run> runs_;
};

}  // namespace

Measured run_blocks(Arms& arms, const Cell& cell) {
  Timer timer(cell);
  std::vector<Paced> paced = calibrate(arms, cell, timer);
  Random random(cell.seed, "order of arms");
  Collector collector;
  const double begin = seconds_now();
  for (int block = 0; block < cell.blocks; ++block) {
    const bool late = cell.max_seconds > 0.0 && seconds_now() - begin > cell.max_seconds;
    if (late && block >= kFewestBlocks) break;
    random.shuffle(std::span(paced));
    benchmark::ClearRegisteredBenchmarks();
    for (const Paced& item : paced) {
      if (!is_due(block, item.slow)) continue;
      benchmark::RegisterBenchmark((item.arm->name + "/" + cell.name).c_str(),
                                   [&timer, item](benchmark::State& state) {
                                     for (auto _ : state) {
                                       state.SetIterationTime(timer.slice(*item.arm, item.calls));
                                     }
                                   })
          ->Iterations(1)
          ->UseManualTime();
    }
    collector.begin_block(block);
    benchmark::RunSpecifiedBenchmarks(&collector);
  }
  return collector.finish();
}

}  // namespace posbench
