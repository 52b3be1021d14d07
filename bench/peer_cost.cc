// peer_cost: the same encoder on the same batches in posbench, PyTorch and ONNX Runtime, side by
// side. Each is a process of its own, on one thread and on the same core; only one runs at a time,
// in blocks of slices, so that whatever the machine does meanwhile meets all alike.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/nearest.h"
#include "base/sha256.h"
#include "blocks.h"
#include "flops.h"
#include "harness.h"
#include "kernel/topology.h"
#include "peak.h"
#include "peer_cost/work.h"
#include "peers/agreement.h"
#include "peers/peers.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

constexpr auto kExamples =
    "  peer_cost --work train --hidden 256 --layers 4 --feed-forward 1024\n"
    "      times training steps beside PyTorch's and prints the record\n"
    "  peer_cost --work forward --batch 1 --length 32 --out out/mine\n"
    "      times forward passes, beside ONNX Runtime's too\n"
    "  peer_cost --work epoch --batch-by sentences --batch 32\n"
    "      one pass over the Brown corpus's training side, tagging\n"
    "  peer_cost --encoding rope --convention halves --length 512 --batch 8\n"
    "  peer_cost --system longformer --length 4096 --batch 1\n"
    "      other encodings and systems, beside PyTorch's\n";

// A folder for the files of one job, gone afterwards.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "posbench-peers-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw UserError(fmt::format("cannot make {}", name));
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> arms_of(const json& spec) {
  const std::vector<std::string> arms = spec.at("arms");
  for (const std::string& arm : arms) {
    if (std::ranges::count(kArms, arm) == 0) throw UserError(unknown_word("arm", arm, kArms));
    if (std::ranges::count(arms, arm) > 1) throw UserError("arms has " + arm + " twice");
  }
  if (arms.empty() || arms.front() != "posbench") {
    throw UserError("the first of arms is posbench, which the others are compared with");
  }
  return arms;
}

// Why an arm does not take part, or nothing.
std::string why_not(const std::string& arm, const Job& job) {
  const EncoderOptions& options = job.options;
  if (arm == "onnxruntime" && (options.system != "encoder" || options.encoding != "learned")) {
    return "runs the plain encoder with learned positions only";
  }
  if (arm == "pytorch" && options.encoding == "random_frozen") {
    return "cannot draw the rows of random_frozen";
  }
  if (arm == "onnxruntime" && job.trains) return "runs forward passes only";
  if (arm == "onnxruntime" && options.precision != "f32") return "runs f32 only";
  return presence_of(arm).missing;
}

double nanoseconds(Worker& worker, std::size_t calls) {
  return worker.ask_numbers("run", std::to_string(calls)).at(0);
}

// How many calls make a slice of each arm, so that each runs about equally long.
std::map<std::string, std::size_t> calls_of(const Workers& workers, double slice_ms) {
  std::map<std::string, std::size_t> calls;
  for (const auto& worker : workers) {
    // The first passes of a graph that is compiled as it runs are longer.
    double once = nanoseconds(*worker, 1);
    for (int i = 0; i < 3; ++i) once = std::min(once, nanoseconds(*worker, 1));
    calls[worker->name()] =
        std::max<std::size_t>(1, static_cast<std::size_t>(1e6 * slice_ms / once));
  }
  return calls;
}

// An epoch is its list of batches, once: every arm has the same ones in the same block.
struct EpochPlan {
  std::size_t batches;
  std::size_t in_block;

  int blocks() const { return static_cast<int>((batches + in_block - 1) / in_block); }
  std::size_t calls(int block) const {
    return std::min(in_block, batches - in_block * static_cast<std::size_t>(block));
  }
};

// The times of every arm, and this core's peak beside them, block by block.
json run_arms(const Workers& workers, const Job& job, const json& spec, const std::string& folder) {
  const bool epoch = spec.at("work") == "epoch";
  const EpochPlan epoch_plan{job.batches.size(), std::max<std::size_t>(1, spec.at("in_block"))};
  std::map<std::string, std::size_t> calls;
  if (!epoch) calls = calls_of(workers, spec.at("slice_ms"));
  std::vector<PacedArm> paced;
  for (const auto& worker : workers) {
    std::size_t& n = calls[worker->name()];
    paced.push_back({worker->name(), [&worker = *worker, &n] {
                       return 1e-9 * nanoseconds(worker, n) / static_cast<double>(n);
                     }});
  }
  const EncoderShape& shape = job.options.shape;
  BlockPlan plan;
  plan.cell = fmt::format("work:{}/{}/d:{}/layers:{}/L:{}/B:{}", spec.at("work").get<std::string>(),
                          job.options.precision, shape.hidden, shape.layers, shape.max_length,
                          spec.at("batch").get<int>());
  if (epoch) plan.cell += "/by:" + spec.at("batch_by").get<std::string>();
  if (job.options.system != "encoder") plan.cell += "/" + job.options.system;
  if (job.options.encoding != "learned") plan.cell += "/" + job.options.encoding;
  plan.blocks = epoch ? epoch_plan.blocks() : spec.at("blocks").get<int>();
  plan.seed = spec.at("seed");
  json calls_by_block = json::array(), peaks = json::array();
  plan.before_block = [&](int block) {
    peaks.push_back(measured_peak_gflops());
    if (!epoch) return;
    for (auto& [arm, n] : calls) n = epoch_plan.calls(block);
    calls_by_block.push_back(epoch_plan.calls(block));
  };
  const Measured measured = run_blocks(paced, plan);
  keep_google_benchmark_json(measured, folder, "peer_cost", plan.cell, spec);
  json arms = json::object();
  for (const auto& [name, samples] : measured.arms) {
    const json n = epoch ? calls_by_block : json(std::vector(samples.ns.size(), calls.at(name)));
    arms[name] = {{"block", samples.block}, {"ns", samples.ns}, {"calls", n}};
  }
  return {{"arms", arms}, {"f32_peak_gflops", peaks}};
}

// Tokens and arithmetic of a call; an epoch's are means.
json size_of(const Job& job) {
  double tokens = 0, rows = 0, gflop = 0;
  for (const Batch& batch : job.batches) {
    tokens += static_cast<double>(batch.size());
    rows += static_cast<double>(padded(batch).size());
    gflop += gflop_of(job.options, batch, job.trains);
  }
  const auto n = static_cast<double>(job.batches.size());
  return {{"batches", job.batches.size()},
          {"tokens", tokens / n},
          {"padded_tokens", rows / n},
          {"gflop", gflop / n}};
}

json run(const json& spec, const std::string& folder) {
  if (spec.at("isa") != "native") {
    throw UserError("peer_cost has no --isa: ONNX Runtime cannot be limited to one");
  }
  const std::vector<std::string> arms = arms_of(spec);
  const Job job = job_of(spec);
  const ScratchFolder scratch;
  write_job(job, scratch.path());

  json result = size_of(job);
  result["skipped"] = json::object();
  const PinnedThread pinned(usable_cores() - 1);  // and whoever starts from here
  Workers workers;
  for (const std::string& arm : arms) {
    if (const std::string why = why_not(arm, job); !why.empty()) {
      result["skipped"][arm] = why;
    } else {
      workers.push_back(start_worker(arm, scratch.path()));
    }
  }
  const Tolerance tolerance = tolerance_of(job.options.precision);
  result["agreement"] = require_agreement(workers, job.trains, tolerance, scratch.path());
  result.update(run_arms(workers, job, spec, folder));
  result["parts"] = json::parse(workers.front()->ask("parts"));  // of posbench
  if (!job.scored.empty()) {
    result["agreement"]["accuracy"] = require_equal_scores(workers, tolerance);
  }
  for (const auto& worker : workers) {
    const std::string& name = worker->name();
    result["peak_memory_bytes"][name] =
        static_cast<std::uint64_t>(worker->ask_numbers("memory").at(0));
    result["loaded_memory_bytes"][name] = worker->about().at("loaded_bytes");
    result["tuning"][name] = worker->about().at("tuning");
    result["versions"][name] = worker->about().at("versions");
  }
  return result;
}

// Another version of a peer, or one that was not here before, is another measurement.
std::string fingerprint(const json& spec) {
  std::string text = host_fingerprint(spec);
  for (const std::string& arm : arms_of(spec)) {
    const Presence presence = presence_of(arm);
    text += fmt::format("\n{} {}{}", arm, presence.version, presence.missing);
  }
  return sha256(text);
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "peer_cost",
      "times the same encoder in posbench, PyTorch and ONNX Runtime, side by side on one core",
      posbench::kExamples,
      {
          Key{"work", "forward",
              "forward, train: a step, or epoch: a pass over a data set, tagging"},
          Key{"arms", posbench::kArms, "engines; one that is not installed is skipped by name"},
          Key{"system", "encoder", "see `posbench list systems`"},
          Key{"encoding", "learned", "see `posbench list encodings`"},
          Key{"convention", "", "of the encoding; empty: its first"},
          Key{"precision", "f32", "of matrix products: f32 or bf16"},
          Key{"hidden", 128, "hidden size d"},
          Key{"layers", 2, "encoder layers"},
          Key{"heads", 4, "attention heads H"},
          Key{"feed_forward", 512, "inner size of the feed-forward part"},
          Key{"window", 256, "of systems with one: keys that a query sees on each side"},
          Key{"globals", 1,
              "of systems with a window: first rows that see all and are seen by all"},
          Key{"vocabulary", 8000, "rows of the token table; epoch: most entries of the vocabulary"},
          Key{"length", 128, "sequence length L; epoch: longest sentence"},
          Key{"batch", 32, "sequences of a batch; epoch: tokens or sentences"},
          Key{"batch_by", "tokens", "epoch: a batch is full at so many tokens or sentences"},
          Key{"batches", 0, "epoch: stop after so many batches; 0 = all"},
          Key{"in_block", 1, "epoch: batches that an arm computes before another does"},
          Key{"dataset", "brown_pos", "epoch: see `posbench list datasets`"},
          Key{"learning_rate", 0.001, "peak of AdamW's rate"},
          Key{"slice_ms", 50.0, "forward and train: calls until about so long make a slice"},
          Key{"blocks", 20, "forward and train: blocks, each a slice of every arm"},
          Key{"seed", 0, "number of the process; draws weights, batches and order"},
      },
      posbench::datasets_of,
      posbench::fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
