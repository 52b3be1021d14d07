// Arms that choose by shape: the rule is the kernels' own (kernel/best.h), so what is timed is what
// a program that calls them gets.
#include "kernel/best.h"

#include "encoding_cost/arms.h"
#include "kernel/topology.h"

namespace posbench {
namespace {

Arm make(Workbench& bench, const std::string& name) {
  const Variant variant(name);
  const bool lookup = variant.source == "best_lookup";
  const auto choose = lookup ? best_lookup : best_computed;
  std::string chosen(choose(bench.shape(), variant.in_place, cache_sizes()));
  Arm arm = make_arm(bench, chosen);
  arm.name = name;
  arm.chosen = std::move(chosen);
  arm.rule = lookup ? kBestLookupRule : kBestComputedRule;
  return arm;
}

}  // namespace

ArmFamily best_arms() {
  return {{"best_lookup", "best_lookup_in_place", "best_computed", "best_computed_in_place"}, make};
}

}  // namespace posbench
