// kernel_count: one call of each kernel for callgrind, which counts its instructions and simulates
// its caches. ci/kernel-gate starts it and compares the counts with those of tests/golden; alone it
// is of no use. Counts, unlike times, are the same on a busy machine and on a different one.
#include <fmt/format.h>
#include <valgrind/callgrind.h>

#include <array>
#include <cstdio>

#include "encoding_cost/arms.h"
#include "isa_limit.h"

namespace posbench {
namespace {

// A kernel of each kind, in each way to store. What glibc computes (libm, vector_library) is not
// ours to count.
constexpr std::array kArms = {"copy",           "copy_nt",
                              "stream_add",     "learned_slice",
                              "learned_gather", "learned_slice_in_place",
                              "learned_groups", "learned_l1_tiles",
                              "sinusoid_table", "learned_slice_bf16",
                              "simd",           "simd_t2t",
                              "simd_bf16",      "simd_nt",
                              "recurrence",     "recurrence_t2t",
                              "best_lookup",    "recurrence_in_place",
                              "best_computed",  "recurrence_tiles",
                              "embed_none",     "embed_learned",
                              "embed_simd",     "embed_recurrence"};

// Batch, length, hidden: one text; several; and tails everywhere, a batch of no groups of four and
// rows of no whole vectors. Tokens overflow the simulated first cache (ci/kernel-gate), and those
// of the second shape the last one too, even in place or in bf16 and by a quarter: at the edge of a
// cache it would be addresses that are counted. All are small enough for the arms that choose by
// the machine's caches to choose the same wherever these have L3 of 3 MiB.
constexpr std::array kShapes = {BatchShape{1, 80, 128}, BatchShape{8, 80, 128},
                                BatchShape{5, 22, 100}};

// The second call: the first has brought pages, caches and what is made once into their places. The
// memory is new for each arm, so that no arm's addresses depend on the arms before it.
void count(const std::string& name, const BatchShape& shape, Team& team) {
  const Cell cell{.shape = shape,
                  .state = CacheState::kHot,
                  .arms = {name},
                  .blocks = 1,
                  .slice_seconds = 0.0,
                  .max_seconds = 0.0,
                  .threads = 1,
                  .seed = 0,
                  .name = {}};
  Workbench bench(cell, team);
  const Arm arm = make_arm(bench, name);
  const std::string label =
      fmt::format("{},{},{},{}", name, shape.batch, shape.length, shape.hidden);
  arm.call(0, {0, shape.length});
  CALLGRIND_TOGGLE_COLLECT;
  arm.call(1, {0, shape.length});
  CALLGRIND_TOGGLE_COLLECT;
  CALLGRIND_DUMP_STATS_AT(label.c_str());
}

int count_all(char** argv) {
  if (RUNNING_ON_VALGRIND == 0) {
    fmt::print(stderr, "error: kernel_count counts only under valgrind; run ci/kernel-gate\n");
    return 2;
  }
  limit_isa("avx2", argv);
  Team team(1);
  for (const std::string name : kArms) {
    for (const BatchShape& shape : kShapes) count(name, shape, team);
  }
  return 0;
}

}  // namespace
}  // namespace posbench

int main(int, char** argv) {
  try {
    return posbench::count_all(argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}
