#include "encoding_cost/cell.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {
using nlohmann::json;

std::size_t positive(const json& spec, const std::string& key) {
  const auto value = spec.at(key).get<std::int64_t>();
  if (value < 1) throw UserError(fmt::format("{} must be at least 1; got {}", key, value));
  return static_cast<std::size_t>(value);
}

CacheState state_from_name(const std::string& name) {
  if (name == "hot") return CacheState::kHot;
  if (name == "in_model") return CacheState::kInModel;
  if (name == "dram_cold") return CacheState::kDramCold;
  throw UserError(unknown_word("cache state", name, {"hot", "in_model", "dram_cold"}));
}

}  // namespace

Cell cell_from_spec(const json& spec) {
  const double slice_ms = spec.at("slice_ms");
  if (!(slice_ms > 0.0))
    throw UserError(fmt::format("slice_ms must be positive; got {}", slice_ms));
  Cell cell{
      .shape = {positive(spec, "batch"), positive(spec, "length"), positive(spec, "hidden")},
      .state = state_from_name(spec.at("state")),
      .arms = spec.at("arms"),
      .blocks = static_cast<int>(positive(spec, "blocks")),
      .slice_seconds = 1e-3 * slice_ms,
      .max_seconds = spec.at("max_seconds"),
      .threads = spec.at("threads"),
      .seed = spec.at("seed"),
      .name = {},
  };
  if (cell.arms.empty()) throw UserError("arms is empty; name at least one");
  cell.name = fmt::format("d:{}/L:{}/B:{}/state:{}", cell.shape.hidden, cell.shape.length,
                          cell.shape.batch, spec.at("state").get<std::string>());
  if (cell.threads != 1) cell.name += fmt::format("/threads:{}", cell.threads);
  if (const std::string isa = spec.at("isa"); isa != "native") cell.name += "/isa:" + isa;
  return cell;
}

}  // namespace posbench
