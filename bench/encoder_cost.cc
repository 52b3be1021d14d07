// encoder_cost: what a whole forward pass or training step takes with each position encoding, and
// how much of it is the position's. The share is measured in situ, by time stamps around the
// position operation inside the very calls that are timed; the differences between arms with and
// without positions are its cross-check, over random layouts of memory.
#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/nearest.h"
#include "base/random.h"
#include "blocks.h"
#include "encoder/encoder.h"
#include "encoder/optimizer.h"
#include "harness.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kExamples =
    "  encoder_cost --pass forward --length 128 --batch 8\n"
    "      times forward passes with every arm and prints the record\n"
    "  encoder_cost --pass train --arms learned,none --out out/mine\n";

struct ArmEncoding {
  std::string name;
  std::string encoding;
  std::string producer;
};
const std::vector<ArmEncoding> kArms = {{"learned", "learned", "table"},
                                        {"learned_again", "learned", "table"},
                                        {"sinusoid_table", "sinusoid", "table"},
                                        {"sinusoid_libm", "sinusoid", "libm"},
                                        {"sinusoid_simd", "sinusoid", "simd"},
                                        {"sinusoid_recurrence", "sinusoid", "recurrence"},
                                        {"none", "none", "table"}};

const ArmEncoding& find_arm(const std::string& name) {
  std::vector<std::string> known;
  for (const ArmEncoding& arm : kArms) {
    if (arm.name == name) return arm;
    known.push_back(arm.name);
  }
  throw UserError(unknown_word("arm", name, known));
}

struct Workload {
  EncoderShape shape;
  Batch batch;
  bool trains;
};

// B sequences of L random tokens, every token labelled.
Workload workload_of(const json& spec) {
  constexpr int kClasses = 190;  // as many as Brown has tags
  const std::string pass = spec.at("pass");
  if (pass != "forward" && pass != "train")
    throw UserError(unknown_word("pass", pass, {"forward", "train"}));
  const int length = spec.at("length"), batch = spec.at("batch");
  if (length < 1 || batch < 1) throw UserError("length and batch must be at least 1");
  Workload work{{spec.at("vocabulary"), kClasses, spec.at("hidden"), spec.at("layers"),
                 spec.at("heads"), spec.at("feed_forward"), length},
                {},
                pass == "train"};
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
  TimedArm(const Workload& work, const ArmEncoding& arm)
      : work_(work), encoder_(options_of(work, arm)), optimizer_({}, encoder_.layout()) {}

  /// Moves the activations to a random place, so that a ratio does not hang on how the arrays of
  /// this process happen to fall into cache sets.
  void lay_out(std::size_t shift) {
    encoder_.lay_out(shift);
    call();  // the arena finds its size
    call();  // and the caches are as after a call
    encoder_.take_parts();
  }

  /// Seconds of one call; the position's part of it is kept.
  double slice(double timer_seconds) {
    const double start = seconds_now();
    call();
    const double elapsed = seconds_now() - start - timer_seconds;
    // Each stamp costs the time between two stamps with nothing between them.
    const Parts parts = encoder_.take_parts();
    const auto which = static_cast<std::size_t>(Part::position);
    const double stamps = timer_seconds * static_cast<double>(parts.stamps[which]);
    const double position = 1e-9 * static_cast<double>(parts.ns[which]) - stamps;
    position_ns_.push_back(1e9 * std::max(0.0, position));
    return elapsed;
  }

  const std::vector<double>& position_ns() const { return position_ns_; }

 private:
  void call() {
    if (!work_.trains) {
      encoder_.forward(work_.batch);
      return;
    }
    encoder_.loss_and_gradients(work_.batch);
    optimizer_.step(encoder_);
  }

  static EncoderOptions options_of(const Workload& work, const ArmEncoding& arm) {
    EncoderOptions options;
    options.shape = work.shape;
    options.encoding = arm.encoding;
    options.producer = arm.producer;
    return options;
  }

  const Workload& work_;
  Encoder<float> encoder_;
  Optimizer<float> optimizer_;
  std::vector<double> position_ns_;
};

json run(const json& spec, const std::string& folder) {
  const Workload work = workload_of(spec);
  const double timer_seconds = time_stamp_cost();
  std::map<std::string, std::unique_ptr<TimedArm>> arms;
  std::vector<PacedArm> paced;
  for (const std::string name : spec.at("arms")) {
    arms[name] = std::make_unique<TimedArm>(work, find_arm(name));
    paced.push_back(
        {name, [&arm = *arms[name], timer_seconds] { return arm.slice(timer_seconds); }, false});
  }
  BlockPlan plan;
  plan.cell = fmt::format("pass:{}/d:{}/layers:{}/L:{}/B:{}", spec.at("pass").get<std::string>(),
                          work.shape.hidden, work.shape.layers, work.shape.max_length,
                          spec.at("batch").get<int>());
  if (const std::string isa = spec.at("isa"); isa != "native") plan.cell += "/isa:" + isa;
  plan.blocks = spec.at("blocks");
  plan.seed = spec.at("seed");
  Random layouts(plan.seed, "layout");
  plan.before_block = [&](int) {
    for (auto& [name, arm] : arms) arm->lay_out(64 * layouts.below(256));
  };
  const Measured measured = run_blocks(paced, plan);
  keep_google_benchmark_json(measured, folder, "encoder_cost", plan);

  json result = {{"timer_ns", 1e9 * timer_seconds}, {"arms", json::object()}};
  for (const auto& [name, samples] : measured.arms) {
    result["arms"][name] = {{"block", samples.block},
                            {"ns", samples.ns},
                            {"position_ns", arms.at(name)->position_ns()}};
  }
  return result;
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "encoder_cost",
      "times a small encoder's forward pass or training step with each position encoding",
      posbench::kExamples,
      {
          Key{"pass", "forward", "forward, or train: forward, backward and optimizer"},
          Key{"arms",
              {"learned", "learned_again", "sinusoid_table", "sinusoid_libm", "sinusoid_simd",
               "sinusoid_recurrence", "none"},
              "arms to pair"},
          Key{"hidden", 128, "hidden size d"},
          Key{"layers", 2, "encoder layers"},
          Key{"heads", 4, "attention heads H"},
          Key{"feed_forward", 512, "inner size of the feed-forward part"},
          Key{"vocabulary", 8000, "rows of the token table"},
          Key{"length", 128, "sequence length L"},
          Key{"batch", 8, "batch B"},
          Key{"blocks", 20, "blocks, each with a new layout of memory"},
          Key{"seed", 0, "number of the process; draws layouts and order"},
      },
      posbench::no_datasets,
      posbench::host_fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
