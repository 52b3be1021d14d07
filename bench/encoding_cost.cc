// encoding_cost: what one position operation costs, for every way to do it, in one cell of the grid
// (hidden size, length, batch, cache state). One process measures one cell; its seed is its number.
#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "blocks.h"
#include "encoding_cost/check.h"
#include "encoding_cost/timing.h"
#include "harness.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kExamples =
    "  encoding_cost --hidden 768 --length 512 --state in_model\n"
    "      compares all arms at BERT-base's shape and prints the record\n"
    "  encoding_cost --arms learned_slice,simd --blocks 100 --out out/mine\n"
    "      keeps the record, and Google Benchmark's JSON for compare.py, under out/mine\n";

// The arms that the shape can have; the others with the reason.
std::vector<Arm> make_arms(Workbench& bench, json& skipped) {
  const std::vector<std::string> known = arm_names();
  std::vector<Arm> arms;
  for (const std::string& name : bench.cell().arms) {
    if (std::ranges::find(known, name) == known.end()) {
      throw UserError(unknown_word("arm", name, known));
    }
    try {
      arms.push_back(make_arm(bench, name));
    } catch (const UserError& error) {
      skipped[name] = error.what();
    }
  }
  return arms;
}

json run(const json& spec, const std::string& folder) {
  const Cell cell = cell_from_spec(spec);
  Team team(cell.threads);
  Workbench bench(cell, team);
  json result = {{"arms", json::object()},   {"order", "random per block"},
                 {"threads", team.size()},   {"bytes", json::object()},
                 {"stream", json::object()}, {"working_set_bytes", json::object()},
                 {"chosen", json::object()}, {"rule", json::object()},
                 {"skipped", json::object()}};
  const std::vector<Arm> arms = make_arms(bench, result["skipped"]);
  const Errors errors = check_arms(arms, cell);
  result["max_abs_error"] = errors.below_length;
  result["max_abs_error_1e6"] = errors.below_a_million;
  for (const Arm& arm : arms) {
    result["bytes"][arm.name] = arm.bytes;
    result["working_set_bytes"][arm.name] = arm.working_set_bytes;
    if (!arm.stream.empty()) result["stream"][arm.name] = arm.stream;
    if (arm.chosen.empty()) continue;
    result["chosen"][arm.name] = arm.chosen;
    result["rule"][arm.name] = arm.rule;
  }
  Timer timer(cell, team);
  const BlockPlan plan{.cell = cell.name,
                       .blocks = cell.blocks,
                       .max_seconds = cell.max_seconds,
                       .seed = cell.seed,
                       .before_block = {}};
  const Measured measured = run_blocks(pace_arms(arms, cell, timer), plan);
  keep_google_benchmark_json(measured, folder, "encoding_cost", plan.cell, spec);
  for (const auto& [name, samples] : measured.arms) {
    result["arms"][name] = {{"block", samples.block}, {"ns", samples.ns}};
  }
  return result;
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const auto arms = nlohmann::json::array({"copy", "none", "learned_slice", "learned_again",
                                           "learned_gather", "sinusoid_table", "libm_pow", "libm",
                                           "vector_library", "simd", "recurrence"});
  const posbench::Harness harness{
      "encoding_cost",
      "what one position operation (y = x + rows, shape (B, L, d)) costs: every way to make the "
      "rows "
      "against looking them up, paired by block",
      posbench::kExamples,
      {
          Key{"hidden", 128, "hidden size d"},
          Key{"length", 128, "sequence length L"},
          Key{"batch", 1, "batch B"},
          Key{"state", "hot", "what the caches hold before a call: hot, in_model or dram_cold"},
          Key{"arms", arms, "what to compare; a wrong name is answered with all"},
          Key{"blocks", 30, "blocks; each runs every arm once, in random order"},
          Key{"slice_ms", 4.0, "milliseconds of one arm in one block"},
          Key{"max_seconds", 0.0, "no block starts later, but for the first five; 0 = no limit"},
          Key{"threads", 1, "threads that share the positions, pinned to cores; 0 = all cores"},
          Key{"seed", 0, "number of the process: order of arms, offsets of buffers"},
      },
      posbench::no_datasets,
      posbench::host_fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
