#include "blocks.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <sstream>

#include "base/files.h"
#include "base/random.h"
#include "base/sha256.h"

namespace posbench {
namespace {

constexpr int kFewestBlocks = 5;
constexpr int kSlowEvery = 5;

// Keeps the runs of all blocks and prints nothing.
class Collector : public benchmark::BenchmarkReporter {
 public:
  // `cell` ends each benchmark's name, which the arm's begins.
  explicit Collector(const std::string& cell) : end_("/" + cell) {}

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
      Samples& samples = measured.arms[name.substr(0, name.find(end_))];
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
  std::string end_;
  int block_ = 0;
  std::vector<Run> runs_;
};

}  // namespace

Measured run_blocks(std::vector<PacedArm> arms, const BlockPlan& plan) {
  Random random(plan.seed, "order of arms");
  Collector collector(plan.cell);
  const double begin = seconds_now();
  for (int block = 0; block < plan.blocks; ++block) {
    const bool late = plan.max_seconds > 0.0 && seconds_now() - begin > plan.max_seconds;
    if (late && block >= kFewestBlocks) break;
    if (plan.before_block) plan.before_block(block);
    random.shuffle(std::span(arms));
    benchmark::ClearRegisteredBenchmarks();
    for (const PacedArm& arm : arms) {
      if (arm.slow && block % kSlowEvery != 0) continue;
      benchmark::RegisterBenchmark((arm.name + "/" + plan.cell).c_str(),
                                   [&arm](benchmark::State& state) {
                                     for (auto _ : state) state.SetIterationTime(arm.slice());
                                   })
          ->Iterations(1)
          ->UseManualTime();
    }
    collector.begin_block(block);
    benchmark::RunSpecifiedBenchmarks(&collector);
  }
  return collector.finish();
}

void keep_google_benchmark_json(const Measured& measured, const std::string& folder,
                                const std::string& harness, const std::string& cell,
                                const nlohmann::json& spec) {
  if (folder.empty()) return;
  std::string name = harness + "-" + cell + "-" + sha256(spec.dump()).substr(0, 16) + ".json";
  std::replace(name.begin(), name.end(), '/', '_');
  std::replace(name.begin(), name.end(), ':', '-');
  const auto target = std::filesystem::path(folder) / "google_benchmark";
  std::filesystem::create_directories(target);
  write_file_atomically(target / name, measured.google_benchmark_json);
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double time_stamp_cost() {
  double least = 1.0;
  for (int i = 0; i < 1000; ++i) {
    const double start = seconds_now();
    least = std::min(least, seconds_now() - start);
  }
  return least;
}

}  // namespace posbench
