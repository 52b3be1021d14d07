#include "study/study.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/sha256.h"
#include "dataset/toml_json.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

void refuse_unknown_keys(const json& table, const std::vector<std::string>& known,
                         const std::string& where) {
  for (const auto& [key, value] : table.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      throw UserError(unknown_word(where + ": key", key, known));
    }
  }
}

// The points of the axis `key` ("arm" or "setting"), in the file's order or in the order of `keep`,
// the names that the profile asks for. A study without the axis has one empty point.
std::vector<json> axis_points(const json& study, const std::string& key, const json& keep,
                              const std::string& where) {
  if (!study.contains(key)) return {json::object()};
  const std::vector<json> points = study.at(key);
  std::vector<std::string> names;
  for (const json& point : points) {
    if (!point.contains(key) || !point.at(key).is_string()) {
      throw UserError(
          fmt::format("{}: a [[{}]] table without its name, {} = \"…\"", where, key, key));
    }
    names.push_back(point.at(key));
  }
  if (keep.is_null()) return points;
  std::vector<json> kept;
  for (const std::string& name : keep.get<std::vector<std::string>>()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw UserError(unknown_word(where + ": " + key, name, names));
    }
    // Several points may share a name: one arm at several scales.
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) kept.push_back(points[i]);
    }
  }
  return kept;
}

// Every combination of the grid's values, the last key turning fastest.
std::vector<json> grid_points(const json& grid, const std::string& where) {
  std::vector<json> points = {json::object()};
  for (const auto& [key, values] : grid.items()) {
    if (!values.is_array() || values.empty()) {
      throw UserError(fmt::format("{}: grid.{} is not a list of values", where, key));
    }
    std::vector<json> longer;
    for (const json& point : points) {
      for (const json& value : values) {
        longer.push_back(point);
        longer.back()[key] = value;
      }
    }
    points = std::move(longer);
  }
  return points;
}

struct Axes {
  json base;
  std::vector<json> arms, settings;
  json tuned;  // bench/tuned.toml, null where no arm asks for it
};

fs::path tuned_file() { return home_folder() / "bench" / "tuned.toml"; }

// The value of `name`. Throws UserError with the nearest name where there is none.
const json& named(const json& table, const std::string& name, const std::string& kind) {
  if (table.contains(name)) return table.at(name);
  std::vector<std::string> known;
  for (const auto& [other, value] : table.items()) known.push_back(other);
  throw UserError(unknown_word(kind, name, known));
}

// What the search found for the arm that `spec` names as `tuned`; nothing where it names none.
json tuned_keys(const json& spec, const json& tuned, const std::string& where) {
  if (!spec.contains("tuned")) return json::object();
  const std::string setting = spec.value("tuned_on", spec.value("setting", ""));
  return named(named(tuned, setting, where + ": tuned_on"), spec.at("tuned"), where + ": tuned");
}

// Whether the arm belongs to that setting: an arm may list the settings that it is for, because one
// encoding may be best at different scales on different tasks.
bool applies(const json& arm, const json& setting) {
  if (!arm.contains("settings")) return true;
  const auto& names = arm.at("settings");
  return std::find(names.begin(), names.end(), setting.value("setting", "")) != names.end();
}

// How many of the profile's seeds an arm or a setting takes.
std::size_t most_seeds(const json& point) {
  return point.value("most_seeds", std::numeric_limits<std::size_t>::max());
}

void refuse_unknown_settings(const std::vector<json>& arms, const std::vector<json>& settings,
                             const std::string& where) {
  std::vector<std::string> known;
  for (const json& setting : settings) known.push_back(setting.value("setting", ""));
  for (const json& arm : arms) {
    for (const std::string& name : arm.value("settings", std::vector<std::string>{})) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        throw UserError(unknown_word(where + ": arm's setting", name, known));
      }
    }
  }
}

// The arm's parent among the profile's arms of that setting, null where it names none.
const json* parent_of(const json& arm, const json& setting, const std::vector<json>& arms,
                      const std::string& where) {
  if (!arm.contains("parent")) return nullptr;
  std::vector<std::string> names;
  for (const json& other : arms) {
    if (!applies(other, setting)) continue;
    if (other.at("arm") == arm.at("parent")) return &other;
    names.push_back(other.at("arm"));
  }
  throw UserError(unknown_word(where + ": parent", arm.at("parent").get<std::string>(), names));
}

void refuse_circles(const std::vector<json>& arms, const json& setting, const std::string& where) {
  for (const json& arm : arms) {
    if (!applies(arm, setting)) continue;
    std::size_t steps = 0;
    for (const json* at = &arm; at != nullptr; at = parent_of(*at, setting, arms, where)) {
      if (steps++ > arms.size()) {
        throw UserError(fmt::format("{}: the parents of arm {} go round in a circle", where,
                                    arm.at("arm").dump()));
      }
    }
  }
}

PlannedTrial plan(const Axes& axes, const json& setting, const json& arm, const json& grid,
                  std::uint64_t seed, const std::string& where) {
  const auto merged = [&](const json& found) {
    json spec = axes.base;
    for (const json* table : {&setting, &found, &arm, &grid}) spec.update(*table);
    return spec;
  };
  PlannedTrial trial{merged(tuned_keys(merged(json::object()), axes.tuned, where)), nullptr};
  trial.spec["seed"] = seed;
  for (const char* key :
       {"setting", "settings", "grid", "parent", "most_seeds", "tuned", "tuned_on"}) {
    trial.spec.erase(key);
  }
  if (const json* parent = parent_of(arm, setting, axes.arms, where)) {
    trial.parent = std::make_shared<PlannedTrial>(plan(axes, setting, *parent, grid, seed, where));
  }
  return trial;
}

Study expand(const fs::path& file, const std::string& profile, std::uint64_t seed_shift) {
  const std::string where = file.filename().string();
  const json text = read_toml(file);
  refuse_unknown_keys(text, {"id", "harness", "about", "base", "arm", "setting", "grid", "profile"},
                      where);
  for (const char* key : {"id", "harness", "about", "profile"}) {
    if (!text.contains(key)) throw UserError(fmt::format("{}: '{}' is missing", where, key));
  }
  Study study{
      text.at("id"), text.at("harness"), text.at("about"), sha256(read_file(file)), 0, false, {}};
  if (study.id != file.stem().string()) {
    throw UserError(fmt::format("{}: id '{}' is not the file's name", where, study.id));
  }
  if (std::find(kHarnesses.begin(), kHarnesses.end(), study.harness) == kHarnesses.end()) {
    throw UserError(unknown_word(where + ": harness", study.harness, kHarnesses));
  }
  refuse_unknown_keys(text.at("profile"), kProfiles, where + " [profile]");
  if (!text.at("profile").contains(profile)) return study;

  const json& chosen = text.at("profile").at(profile);
  refuse_unknown_keys(chosen,
                      {"core_seconds", "seeds", "arms", "settings", "base", "grid", "by_name"},
                      fmt::format("{} [profile.{}]", where, profile));
  for (const char* key : {"core_seconds", "seeds"}) {
    if (!chosen.contains(key)) {
      throw UserError(fmt::format("{} [profile.{}]: '{}' is missing", where, profile, key));
    }
  }
  study.core_seconds = chosen.at("core_seconds");
  study.by_name = chosen.value("by_name", false);
  Axes axes;
  axes.base = text.value("base", json::object());
  axes.base.update(chosen.value("base", json::object()));
  axes.arms = axis_points(text, "arm", chosen.value("arms", json()), where);
  refuse_unknown_settings(axes.arms, axis_points(text, "setting", nullptr, where), where);
  axes.settings = axis_points(text, "setting", chosen.value("settings", json()), where);
  for (const json& setting : axes.settings) refuse_circles(axes.arms, setting, where);
  if (std::ranges::any_of(axes.arms, [](const json& arm) { return arm.contains("tuned"); })) {
    axes.tuned = read_toml(tuned_file());
    study.digest = sha256(read_file(file) + read_file(tuned_file()));
  }
  // Seeds outermost: whatever is cut short, all arms have equally many.
  std::size_t nth = 0;
  for (const std::uint64_t seed : chosen.at("seeds").get<std::vector<std::uint64_t>>()) {
    ++nth;
    for (const json& setting : axes.settings) {
      json grid = text.value("grid", json::object());
      for (const json* table : {&setting, &chosen}) {
        grid.update(table->value("grid", json::object()));
      }
      for (const json& point : grid_points(grid, where)) {
        for (const json& arm : axes.arms) {
          if (!applies(arm, setting) || nth > most_seeds(arm) || nth > most_seeds(setting))
            continue;
          study.trials.push_back(plan(axes, setting, arm, point, seed + seed_shift, where));
        }
      }
    }
  }
  return study;
}

}  // namespace

Study read_study(const fs::path& file, const std::string& profile, std::uint64_t seed_shift) {
  try {
    return expand(file, profile, seed_shift);
  } catch (const json::exception& error) {  // a list where a number belongs, and the like
    throw UserError(fmt::format("{}: {}", file.filename().string(), error.what()));
  }
}

std::vector<fs::path> study_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(home_folder() / "bench" / "studies")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

json claim_rules() {
  json rules = json::object();
  for (const auto& entry : fs::directory_iterator(home_folder() / "report" / "claims")) {
    if (entry.path().extension() != ".toml") continue;
    const json claim = read_toml(entry.path());
    if (!claim.contains("rule")) {
      throw UserError(fmt::format("{}: no [rule] block", entry.path().string()));
    }
    rules[entry.path().stem().string()] = claim.at("rule");
  }
  return rules;
}

}  // namespace posbench
