// A study file (bench/studies/*.toml) and its expansion into trials.
//
//   id, harness, about          what it is and why it exists
//   [base]                spec keys that every trial shares
//   [[arm]], [[setting]]  axes whose points are tables of spec keys; `arm` and `setting` name them
//   [grid]                further axes: key = [values]
//   [profile.NAME]        core_seconds (of one trial), seeds, and optionally arms, settings (names
//                         to keep), sub-tables base and grid that override those above, and
//                         by_name = true: no verdict needs it, so it runs only when it is named
// Later tables win: base, profile base, setting, arm, grid. A setting may have a sub-table `grid`
// of axes that only it has, so that a group of sizes can have arms of its own. An arm may list the
// `settings` it is for. It may name another as its `parent`: its trial then starts from the weights
// of that arm's trial with the same setting, grid point and seed. A profile that keeps an arm keeps
// its parent. With `most_seeds` an arm or a setting takes only the first so many of the profile's
// seeds.
//
// Scales and learning rates that the search found stand once, in bench/tuned.toml: a table for each
// arm of each setting of the search. An arm with `tuned` = NAME takes NAME's table, of the setting
// `tuned_on` or else of its own setting; keys that the arm states itself win over it.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace posbench {

struct PlannedTrial {
  nlohmann::json spec;  ///< as the study states it; the harness fills in its defaults
  std::shared_ptr<const PlannedTrial> parent;  ///< null for most
};

struct Study {
  std::string id;
  std::string harness;
  std::string about;
  std::string digest;                ///< SHA-256 of the file, and of bench/tuned.toml if it is used
  double core_seconds = 0;           ///< of one trial in this profile
  bool by_name = false;              ///< left out where all studies of the profile are asked for
  std::vector<PlannedTrial> trials;  ///< empty where the study has no such profile
};

inline const std::vector<std::string> kProfiles = {"smoke", "quick", "standard", "full"};
inline const std::vector<std::string> kHarnesses = {
    "accuracy",    "baseline",  "encoder_cost", "encoding_cost", "encoding_error",
    "memory_cost", "peer_cost", "probe",        "reading_cost"};

/// Reads and expands one study. Seeds are shifted by `seed_shift`. Throws UserError for TOML that
/// does not parse, unknown keys, harness, arms, parents or settings, naming file and nearest word.
Study read_study(const std::filesystem::path& file, const std::string& profile,
                 std::uint64_t seed_shift);

/// The study files of the source tree, sorted by name.
std::vector<std::filesystem::path> study_files();

/// The [rule] tables of report/claims/*.toml by claim id, as JSON: what a run locks before it
/// measures.
nlohmann::json claim_rules();

}  // namespace posbench
