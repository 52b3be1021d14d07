// encoder_cost: what a whole forward pass or training step takes with each position encoding, where
// the time goes, how much of it is the position's, and what share of the core's peak is reached.
// The parts are measured in situ, by time stamps inside the very calls that are timed; for the
// position's, differences between arms with and without are the cross-check, over random layouts
// of memory.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/nearest.h"
#include "base/random.h"
#include "blocks.h"
#include "encoder/footprint.h"
#include "encoder/optimizer.h"
#include "encoder_cost/allocations.h"
#include "encoder_cost/arms.h"
#include "flops.h"
#include "harness.h"
#include "peak.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kExamples =
    "  encoder_cost --pass forward --length 128 --batch 8\n"
    "      times forward passes with every arm and prints the record\n"
    "  encoder_cost --pass train --arms learned,none --out out/mine\n"
    "  encoder_cost --length 2048 --arms encoder/learned,longformer/learned,transformer_xl/none\n"
    "      systems with their encodings beside each other\n"
    "  encoder_cost --hidden 768 --layers 12 --precision bf16 --arms learned --blocks 5\n"
    "      BERT-base's shape; heads and feed-forward size follow d as there\n";

// Heads of 64 from d = 256 on, as BERT has them, of 32 below.
int usual_heads(int hidden) { return std::max(1, hidden / (hidden < 256 ? 32 : 64)); }

struct Workload {
  EncoderShape shape;
  std::string precision;
  Batch batch;
  bool trains;

  BatchSize size() const { return largest_of({&batch, 1}); }
};

EncoderOptions options_of(const Workload& work, const std::string& arm) {
  EncoderOptions options;
  options.shape = work.shape;
  options.precision = work.precision;
  choose_arm(arm, options);
  return options;
}

// All arms are there at once.
void require_memory_of(const Workload& work, const BatchSize& size,
                       const std::vector<std::string>& arms) {
  std::vector<EncoderOptions> encoders;
  for (const std::string& arm : arms) encoders.push_back(options_of(work, arm));
  require_footprint(encoders, size, work.trains);
}

// B sequences of L random tokens, every token labelled.
Workload workload_of(const json& spec) {
  constexpr int kClasses = 190;  // as many as Brown has tags
  const std::string pass = spec.at("pass");
  if (pass != "forward" && pass != "train")
    throw UserError(unknown_word("pass", pass, {"forward", "train"}));
  const int length = spec.at("length"), batch = spec.at("batch");
  if (length < 1 || batch < 1) throw UserError("length and batch must be at least 1");
  const int hidden = spec.at("hidden"), heads = spec.at("heads"), inner = spec.at("feed_forward");
  Workload work{{spec.at("vocabulary"), kClasses, hidden, spec.at("layers"),
                 heads == 0 ? usual_heads(hidden) : heads, inner == 0 ? 4 * hidden : inner, length,
                 spec.at("window"), spec.at("globals")},
                spec.at("precision"),
                {},
                pass == "train"};
  require_possible(work.shape);
  const std::size_t rows = static_cast<std::size_t>(length) * static_cast<std::size_t>(batch);
  require_memory_of(work, {rows, static_cast<std::size_t>(length), rows}, spec.at("arms"));
  Random random(0, "batch");
  for (int b = 0; b < batch; ++b) {
    for (int t = 0; t < length; ++t) {
      const auto row = static_cast<std::int32_t>(work.batch.tokens.size());
      work.batch.rows.push_back(row);
      work.batch.labels.push_back(static_cast<std::int32_t>(random.below(kClasses)));
      work.batch.positions.push_back(t);
      work.batch.tokens.push_back(static_cast<std::int32_t>(
          random.below(static_cast<std::uint64_t>(work.shape.vocabulary))));
    }
    work.batch.offsets.push_back(static_cast<std::int32_t>(work.batch.tokens.size()));
  }
  return work;
}

// One arm's encoder.
class TimedArm {
 public:
  TimedArm(const Workload& work, const std::string& arm)
      : work_(work), options_(options_of(work, arm)), encoder_(options_) {
    if (work.trains) optimizer_.emplace(OptimizerOptions{}, encoder_.layout());
  }

  /// Moves the activations to a random place, so that a ratio does not hang on how the arrays of
  /// this process happen to fall into cache sets.
  void lay_out(std::size_t shift) {
    encoder_.lay_out(shift);
    call();  // the arena finds its size
    call();  // and the caches are as after a call
    encoder_.take_parts();
  }

  /// Seconds of one call; what each part takes of it, and what it allocates, are kept.
  double slice(double timer_seconds) {
    const Allocations before = allocations();
    const double start = seconds_now();
    call();
    const double elapsed = seconds_now() - start - timer_seconds;
    const Allocations after = allocations();
    most_.own = std::max(most_.own, after.own - before.own);
    most_.libraries = std::max(most_.libraries, after.libraries - before.libraries);
    const Parts parts = encoder_.take_parts();
    for (std::size_t i = 0; i < kParts; ++i) {
      // Each stamp costs the time between two stamps with nothing between them.
      const double stamps = 1e9 * timer_seconds * static_cast<double>(parts.stamps[i]);
      parts_ns_[i].push_back(std::max(0.0, static_cast<double>(parts.ns[i]) - stamps));
    }
    return elapsed;
  }

  /// {part: nanoseconds of each slice}
  json parts_ns() const {
    json found;
    for (std::size_t i = 0; i < kParts; ++i) found[std::string(kPartNames[i])] = parts_ns_[i];
    return found;
  }

  double gflop() const { return gflop_of(options_, work_.batch, work_.trains); }

  /// Parameters and, of those, the encoding's; bytes that the encoding holds beside them, and of
  /// working memory.
  json memory() const {
    const Footprint bytes = footprint<float>(options_, work_.size(), work_.trains);
    return {{"parameters", encoder_.layout().count()},
            {"position_parameters", encoder_.layout().count("position")},
            {"position_bytes", bytes.positions},
            {"working_bytes", bytes.kept + bytes.scratch}};
  }

  /// Of the slice with the most.
  const Allocations& most_allocations() const { return most_; }

 private:
  void call() {
    if (!work_.trains) {
      encoder_.forward(work_.batch);
      return;
    }
    encoder_.loss_and_gradients(work_.batch);
    optimizer_->step(encoder_);
  }

  const Workload& work_;
  EncoderOptions options_;
  Encoder<float> encoder_;
  std::optional<Optimizer<float>> optimizer_;  // where it trains
  std::array<std::vector<double>, kParts> parts_ns_;
  Allocations most_;
};

json run(const json& spec, const std::string& folder) {
  const Workload work = workload_of(spec);
  const double timer_seconds = time_stamp_cost();
  std::map<std::string, std::unique_ptr<TimedArm>> arms;
  std::vector<PacedArm> paced;
  for (const std::string name : spec.at("arms")) {
    arms[name] = std::make_unique<TimedArm>(work, name);
    paced.push_back(
        {name, [&arm = *arms[name], timer_seconds] { return arm.slice(timer_seconds); }, false});
  }
  BlockPlan plan;
  plan.cell = fmt::format("pass:{}/d:{}/layers:{}/L:{}/B:{}", spec.at("pass").get<std::string>(),
                          work.shape.hidden, work.shape.layers, work.shape.max_length,
                          spec.at("batch").get<int>());
  if (const std::string isa = spec.at("isa"); isa != "native") plan.cell += "/isa:" + isa;
  if (work.precision != "f32") plan.cell += "/" + work.precision;
  plan.blocks = spec.at("blocks");
  plan.max_seconds = spec.at("max_seconds");
  plan.seed = spec.at("seed");
  Random layouts(plan.seed, "layout");
  json peaks = json::array();
  plan.before_block = [&](int) {
    peaks.push_back(measured_peak_gflops());
    for (auto& [name, arm] : arms) arm->lay_out(64 * layouts.below(256));
  };
  const Measured measured = run_blocks(paced, plan);
  keep_google_benchmark_json(measured, folder, "encoder_cost", plan.cell, spec);

  json result = {{"timer_ns", 1e9 * timer_seconds},
                 {"tokens", work.batch.size()},
                 {"gflop", json::object()},
                 {"f32_peak_gflops", peaks},
                 {"arms", json::object()}};
  for (const auto& [name, samples] : measured.arms) {
    const TimedArm& arm = *arms.at(name);
    result["arms"][name] = {
        {"block", samples.block}, {"ns", samples.ns}, {"parts", arm.parts_ns()}};
    result["gflop"][name] = arm.gflop();
    result["memory"][name] = arm.memory();
    const Allocations& most = arm.most_allocations();
    result["allocations_per_call"][name] = {{"own", most.own}, {"libraries", most.libraries}};
  }
  return result;
}

// Times belong to one machine and build. A precision that this CPU lacks is told here, before
// anything runs.
std::string fingerprint(const json& spec) {
  EncoderOptions smallest;
  smallest.shape = {.vocabulary = 1,
                    .classes = 1,
                    .hidden = 2,
                    .layers = 1,
                    .heads = 1,
                    .feed_forward = 1,
                    .max_length = 1};
  smallest.precision = spec.at("precision");
  const Encoder<float> can_be_made(smallest);
  return host_fingerprint(spec);
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "encoder_cost",
      "times an encoder's forward pass or training step with each position encoding, part by part",
      posbench::kExamples,
      {
          Key{"pass", "forward", "forward, or train: forward, backward and optimizer"},
          Key{"arms",
              {"learned", "learned_again", "sinusoid_table", "sinusoid_libm", "sinusoid_simd",
               "sinusoid_recurrence", "none"},
              posbench::kArmsHelp},
          Key{"precision", "f32", "of matrix products: f32 or bf16"},
          Key{"hidden", 128, "hidden size d"},
          Key{"layers", 2, "encoder layers"},
          Key{"heads", 0, "attention heads H; 0 = one for each 64 of d from 256 on, each 32 below"},
          Key{"feed_forward", 0, "inner size of the feed-forward part; 0 = 4 d"},
          Key{"window", 256, "of systems with one: keys that a query sees on each side"},
          Key{"globals", 1,
              "of systems with a window: first rows that see all and are seen by all"},
          Key{"vocabulary", 8000, "rows of the token table"},
          Key{"length", 128, "sequence length L"},
          Key{"batch", 8, "batch B"},
          Key{"blocks", 20, "blocks, each with a new layout of memory"},
          Key{"max_seconds", 0.0, "no block starts later than this, but five always run; 0: none"},
          Key{"seed", 0, "number of the process; draws layouts and order"},
      },
      posbench::no_datasets,
      posbench::fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
