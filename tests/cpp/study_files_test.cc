// The study and claim files of the source tree.
#include <algorithm>
#include <map>
#include <set>

#include "base/files.h"
#include "dataset/toml_json.h"
#include "dataset_helpers.h"
#include "json_printing.h"
#include "study/study.h"

namespace posbench {
namespace {
using nlohmann::json;

TEST(StudyFiles, AreThere) {
  std::vector<std::string> names;
  for (const auto& file : study_files()) names.push_back(file.stem());
  EXPECT_THAT(names, testing::IsSupersetOf({"encoder_cost", "encoding_cost", "parity"}));
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(StudyFiles, ExpandInEachOfTheirProfiles) {
  for (const auto& file : study_files()) {
    SCOPED_TRACE(file.string());
    const json text = read_toml(file);
    EXPECT_FALSE(text.at("profile").empty());
    for (const std::string& profile : kProfiles) {
      SCOPED_TRACE(profile);
      const Study study = read_study(file, profile, 0);
      const bool named = text.at("profile").contains(profile);
      EXPECT_EQ(!study.trials.empty(), named);
      EXPECT_EQ(study.core_seconds > 0, named);
      // A trial twice would be run once and count twice; only a parent may serve several settings.
      std::set<std::string> specs, parents;
      for (const PlannedTrial& trial : study.trials) {
        if (trial.parent) parents.insert(trial.parent->spec.dump());
      }
      for (const PlannedTrial& trial : study.trials) {
        const bool is_new = specs.insert(trial.spec.dump()).second;
        EXPECT_TRUE(is_new || parents.contains(trial.spec.dump())) << trial.spec;
      }
    }
  }
}

// Arms are paired by seed: the two that are compared stand everywhere, the others beside them.
TEST(StudyFiles, ParityRunsEveryArmOnTheSameTasksAndSeeds) {
  for (const std::string& profile : kProfiles) {
    std::map<std::string, std::multiset<std::string>> places;
    for (const PlannedTrial& trial :
         read_study(home_folder() / "bench/studies/parity.toml", profile, 0).trials) {
      json place = {trial.spec.at("task"), trial.spec.at("dataset"), trial.spec.at("seed")};
      for (const char* key : {"hidden", "layers", "steps", "max_length", "vocabulary"}) {
        place.push_back(trial.spec.at(key));
      }
      places[trial.spec.at("arm")].insert(place.dump());
    }
    EXPECT_THAT(places, testing::SizeIs(testing::Ge(3u))) << profile;
    EXPECT_EQ(places.at("sinusoid"), places.at("learned")) << profile;
    for (const auto& [arm, all] : places) {
      EXPECT_TRUE(std::ranges::includes(places.at("learned"), all)) << profile << arm;
    }
  }
}

TEST(ClaimFiles, HaveTheRulesOfNineClaims) {
  const json rules = claim_rules();
  std::vector<std::string> ids;
  for (const auto& [id, rule] : rules.items()) {
    ids.push_back(id);
    EXPECT_TRUE(rule.is_object() && !rule.empty()) << id;
  }
  EXPECT_THAT(ids, testing::ElementsAre("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9"));
}

}  // namespace
}  // namespace posbench
