// encoding_cost: what one position operation costs, for every way to do it, in one cell of the grid
// (hidden size, length, batch, cache state). One process measures one cell; its seed is its number.
#include <algorithm>

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

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

json run(const json& spec, const std::string& folder) {
  const Cell cell = cell_from_spec(spec);
  Arms arms(cell);
  const Errors errors = check_arms(arms, cell);
  Timer timer(cell);
  const BlockPlan plan{.cell = cell.name,
                       .blocks = cell.blocks,
                       .max_seconds = cell.max_seconds,
                       .seed = cell.seed,
                       .before_block = {}};
  const Measured measured = run_blocks(pace_arms(arms, cell, timer), plan);
  keep_google_benchmark_json(measured, folder, "encoding_cost", plan);

  const std::size_t row_bytes = cell.shape.length * cell.shape.hidden * sizeof(float);
  const std::size_t copy_bytes = 2 * cell.shape.batch * row_bytes;
  json result = {{"arms", json::object()},
                 {"order", "random per block"},
                 {"bytes_moved", copy_bytes + row_bytes},
                 {"copy_bytes", copy_bytes},
                 {"copy_gb_per_s", nullptr},
                 {"max_abs_error", errors.below_length},
                 {"max_abs_error_1e6", errors.below_a_million},
                 {"skipped", arms.skipped()}};
  for (const auto& [name, samples] : measured.arms) {
    result["arms"][name] = {{"block", samples.block}, {"ns", samples.ns}};
    if (name == "copy") {
      result["copy_gb_per_s"] = static_cast<double>(copy_bytes) / median(samples.ns);
    }
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
          Key{"arms", arms, "what to compare; there are also table_t2t and simd_t2t"},
          Key{"blocks", 30, "blocks; each runs every arm once, in random order"},
          Key{"slice_ms", 4.0, "milliseconds of one arm in one block"},
          Key{"max_seconds", 0.0, "no block starts later, but for the first five; 0 = no limit"},
          Key{"isa", "native", "instruction set: native, the best of this CPU"},
          Key{"seed", 0, "number of the process: order of arms, offsets of buffers"},
      },
      posbench::no_datasets,
      posbench::host_fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
