#include <algorithm>

#include "base/files.h"
#include "base/sha256.h"
#include "dataset_helpers.h"
#include "json_printing.h"
#include "study/study.h"
#include "tiny_home.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

const std::string kHead = R"(
id = "mine"
harness = "accuracy"
about = "a study of a test"
)";

const std::string kWhole = kHead + R"(
[base]
hidden = 8
steps = 10
token_rms = 0.02

[[setting]]
setting = "tagging"
task = "tagging"
[[setting]]
setting = "classification"
task = "classification"
steps = 20

[[arm]]
arm = "learned"
encoding = "learned"
[[arm]]
arm = "none"
encoding = "none"
steps = 30

[grid]
position_rms = [0.1, 0.2]
learning_rate = [0.001, 0.002, 0.003]

[profile.quick]
core_seconds = 1.5
seeds = [4, 7]

[profile.full]
core_seconds = 2
seeds = [0]
arms = ["none"]
settings = ["classification", "tagging"]
base = { hidden = 16 }
grid = { position_rms = [0.5], learning_rate = [0.01] }
)";

// Replaces the first `from` in `text`.
std::string with(std::string text, const std::string& from, const std::string& to) {
  EXPECT_NE(text.find(from), std::string::npos) << from;
  return text.replace(text.find(from), from.size(), to);
}

class Expansion : public ScratchTest {
 protected:
  Study study(const std::string& text, const std::string& profile = "quick",
              std::uint64_t seed_shift = 0) const {
    return read_study(write("mine.toml", text), profile, seed_shift);
  }

  std::string complaint(const std::string& text, const std::string& profile = "quick") const {
    return message_of<UserError>([&] { study(text, profile); });
  }
};

TEST_F(Expansion, HasEveryCombinationOnce) {
  const Study mine = study(kWhole);
  EXPECT_EQ(mine.id, "mine");
  EXPECT_EQ(mine.harness, "accuracy");
  EXPECT_EQ(mine.about, "a study of a test");
  EXPECT_EQ(mine.core_seconds, 1.5);
  EXPECT_EQ(mine.digest, sha256(kWhole));
  // 2 seeds × 2 settings × (2 × 3) grid points × 2 arms
  ASSERT_EQ(mine.trials.size(), 48u);
  std::vector<std::string> specs;
  for (const PlannedTrial& trial : mine.trials) {
    specs.push_back(trial.spec.dump());
    EXPECT_EQ(trial.parent, nullptr);
  }
  std::sort(specs.begin(), specs.end());
  EXPECT_EQ(std::adjacent_find(specs.begin(), specs.end()), specs.end());
}

// Whatever is cut short, all arms have equally many seeds: seeds turn slowest, arms fastest.
TEST_F(Expansion, SeedsAreOutermostAndArmsInnermost) {
  const Study mine = study(kWhole);
  for (std::size_t i = 0; i < 48; ++i) {
    EXPECT_EQ(mine.trials[i].spec.at("seed"), i < 24 ? 4 : 7);
    EXPECT_EQ(mine.trials[i].spec.at("arm"), i % 2 == 0 ? "learned" : "none");
    EXPECT_EQ(mine.trials[i].spec.at("task"), i % 24 < 12 ? "tagging" : "classification");
  }
}

TEST_F(Expansion, LaterTablesWin) {
  const Study mine = study(kWhole);
  EXPECT_EQ(mine.trials[0].spec, json({{"arm", "learned"},
                                       {"encoding", "learned"},
                                       {"hidden", 8},
                                       {"learning_rate", 0.001},
                                       {"position_rms", 0.1},
                                       {"seed", 4},
                                       {"steps", 10},
                                       {"task", "tagging"},
                                       {"token_rms", 0.02}}));
  EXPECT_EQ(mine.trials[12].spec.at("steps"), 20);  // the setting over the base
  EXPECT_EQ(mine.trials[13].spec.at("steps"), 30);  // the arm over the setting
  const std::string in_grid = with(kWhole, "[grid]", "[grid]\nsteps = [40]");
  EXPECT_EQ(study(in_grid).trials[13].spec.at("steps"), 40);  // the grid over the arm
}

TEST_F(Expansion, AProfileKeepsWhatItNamesAndOverrides) {
  const Study mine = study(kWhole, "full");
  ASSERT_EQ(mine.trials.size(), 2u);
  EXPECT_EQ(mine.trials[0].spec.at("task"), "classification");  // in the profile's order
  EXPECT_EQ(mine.trials[1].spec.at("task"), "tagging");
  for (const PlannedTrial& trial : mine.trials) {
    EXPECT_EQ(trial.spec.at("arm"), "none");
    EXPECT_EQ(trial.spec.at("hidden"), 16);
    EXPECT_EQ(trial.spec.at("token_rms"), 0.02);  // what it does not name stays
    EXPECT_EQ(trial.spec.at("position_rms"), 0.5);
    EXPECT_EQ(trial.spec.at("learning_rate"), 0.01);
  }
}

// A group of sizes that has axes of its own: over the study's, under the profile's.
TEST_F(Expansion, ASettingHasAxesOfItsOwn) {
  const std::string axes = "steps = 20\ngrid = { position_rms = [0.3], hidden = [4, 8, 16] }";
  const std::string text = with(kWhole, "steps = 20", axes);
  const Study mine = study(text);
  // 2 seeds × (2 × 3 grid points of tagging + 1 × 3 × 3 of classification) × 2 arms
  EXPECT_EQ(mine.trials.size(), 60u);
  for (const PlannedTrial& trial : mine.trials) {
    EXPECT_FALSE(trial.spec.contains("grid"));
    const bool wide = trial.spec.at("task") == "classification";
    EXPECT_EQ(trial.spec.at("position_rms") == 0.3, wide);
  }
  const Study full = study(text, "full");
  EXPECT_EQ(full.trials.size(), 4u);  // hidden 4, 8 and 16, and tagging's 16 from the base
  for (const PlannedTrial& trial : full.trials) EXPECT_EQ(trial.spec.at("position_rms"), 0.5);
  EXPECT_THAT(complaint(with(text, "[4, 8, 16]", "4")), testing::HasSubstr("grid.hidden is not"));
}

// A search has one arm at several scales; its name keeps them all.
TEST_F(Expansion, AProfileKeepsEveryPointOfAName) {
  const std::string again = "[[arm]]\narm = \"none\"\nencoding = \"none\"\nsteps = 50\n[grid]";
  EXPECT_EQ(study(with(kWhole, "[grid]", again), "full").trials.size(), 4u);
}

// One encoding, another scale on another task.
TEST_F(Expansion, AnArmMayBeForSomeSettingsOnly) {
  const std::string bound = "[[arm]]\narm = \"none\"\nsettings = [\"tagging\"]";
  const std::string text = with(kWhole, "[[arm]]\narm = \"none\"", bound);
  const Study mine = study(text);
  EXPECT_EQ(mine.trials.size(), 36u);  // 48 less 12 of `none` on classification
  for (const PlannedTrial& trial : mine.trials) {
    EXPECT_FALSE(trial.spec.contains("settings"));
    EXPECT_TRUE(trial.spec.at("arm") == "learned" || trial.spec.at("task") == "tagging");
  }
  const std::string other = with(text, "settings = [\"tagging\"]", "settings = [\"taging\"]");
  EXPECT_THAT(complaint(other), testing::HasSubstr("'taging'; did you mean 'tagging'?"));
}

TEST_F(Expansion, AProfileThatIsNotThereHasNoTrials) {
  EXPECT_TRUE(study(kWhole, "smoke").trials.empty());
}

TEST_F(Expansion, ASeedShiftMovesEverySeedAndNothingElse) {
  const Study mine = study(kWhole), shifted = study(kWhole, "quick", 1000);
  ASSERT_EQ(mine.trials.size(), shifted.trials.size());
  for (std::size_t i = 0; i < mine.trials.size(); ++i) {
    json spec = shifted.trials[i].spec;
    EXPECT_EQ(spec.at("seed"), mine.trials[i].spec.at("seed").get<int>() + 1000);
    spec["seed"] = mine.trials[i].spec.at("seed");
    EXPECT_EQ(spec, mine.trials[i].spec);
  }
}

TEST_F(Expansion, AStudyMayHaveNoAxisAtAll) {
  const Study mine = study(kHead + "[profile.quick]\ncore_seconds = 1\nseeds = [3]\n");
  ASSERT_EQ(mine.trials.size(), 1u);
  EXPECT_EQ(mine.trials[0].spec, json({{"seed", 3}}));
}

const std::string kFamily = kHead + R"(
[base]
hidden = 8
[[setting]]
setting = "a"
task = "tagging"
[[setting]]
setting = "b"
task = "classification"
[[arm]]
arm = "child"
encoding = "learned"
steps = 7
parent = "mother"
[[arm]]
arm = "mother"
encoding = "learned"
keep_weights = true
parent = "grandmother"
[[arm]]
arm = "grandmother"
encoding = "learned"
keep_weights = true
steps = 9
[grid]
learning_rate = [0.1, 0.2]
[profile.quick]
core_seconds = 1
seeds = [0, 1]
)";

// The parent's trial is the one with the same setting, grid point and seed.
TEST_F(Expansion, ParentsAreTrialsOfTheStudyItself) {
  const Study mine = study(kFamily);
  ASSERT_EQ(mine.trials.size(), 24u);
  int with_parent = 0;
  for (const PlannedTrial& trial : mine.trials) {
    EXPECT_FALSE(trial.spec.contains("parent"));
    EXPECT_FALSE(trial.spec.contains("setting"));
    if (trial.parent == nullptr) {
      EXPECT_EQ(trial.spec.at("arm"), "grandmother");
      continue;
    }
    ++with_parent;
    const json& parent = trial.parent->spec;
    EXPECT_EQ(parent.at("arm"), trial.spec.at("arm") == "child" ? "mother" : "grandmother");
    for (const char* key : {"task", "learning_rate", "seed"}) {
      EXPECT_EQ(parent.at(key), trial.spec.at(key)) << key;
    }
    EXPECT_TRUE(std::any_of(mine.trials.begin(), mine.trials.end(),
                            [&](const PlannedTrial& other) { return other.spec == parent; }));
  }
  EXPECT_EQ(with_parent, 16);
}

TEST_F(Expansion, AnArmMayTakeFewerSeeds) {
  const Study mine = study(with(kFamily, "arm = \"child\"", "arm = \"child\"\nmost_seeds = 1"));
  int children = 0;
  for (const PlannedTrial& trial : mine.trials) {
    EXPECT_FALSE(trial.spec.contains("most_seeds"));
    if (trial.spec.at("arm") != "child") continue;
    ++children;
    EXPECT_EQ(trial.spec.at("seed"), 0);
  }
  EXPECT_EQ(children, 4);
  EXPECT_EQ(mine.trials.size(), 20u);
}

// What the search found stands once, and studies refer to it.
class Tuned : public TinyHome {
 protected:
  Tuned() {
    write("home/bench/tuned.toml",
          "[tagging]\nlearned = { position_rms = 0.1, learning_rate = 0.004 }\n"
          "[classification]\nlearned = { position_rms = 0.02, learning_rate = 0.001 }\n");
  }

  Study study(const std::string& arm) const {
    const std::string text =
        kHead + "[base]\nlearning_rate = 1.0\n[[setting]]\nsetting = \"tagging\"\n" +
        "[[setting]]\nsetting = \"other\"\ntuned_on = \"classification\"\n" +
        "[[arm]]\narm = \"a\"\n" + arm + "\n[profile.quick]\ncore_seconds = 1\nseeds = [0]\n";
    return read_study(write("mine.toml", text), "quick", 0);
  }
};

TEST_F(Tuned, AnArmStandsWhereTheSearchPutIt) {
  const Study mine = study("tuned = \"learned\"");
  EXPECT_EQ(mine.trials.at(0).spec,
            json({{"arm", "a"}, {"learning_rate", 0.004}, {"position_rms", 0.1}, {"seed", 0}}));
  EXPECT_EQ(mine.trials.at(1).spec,
            json({{"arm", "a"}, {"learning_rate", 0.001}, {"position_rms", 0.02}, {"seed", 0}}));
}

TEST_F(Tuned, TheArmsOwnKeysWin) {
  const Study mine = study("tuned = \"learned\"\ntuned_on = \"tagging\"\nlearning_rate = 0.5");
  for (const PlannedTrial& trial : mine.trials) {
    EXPECT_EQ(trial.spec.at("position_rms"), 0.1);
    EXPECT_EQ(trial.spec.at("learning_rate"), 0.5);
  }
}

TEST_F(Tuned, AnArmThatRefersToNothingIsAsItSays) {
  EXPECT_EQ(study("").trials.at(0).spec, json({{"arm", "a"}, {"learning_rate", 1.0}, {"seed", 0}}));
}

// Other scales are another study.
TEST_F(Tuned, TheDigestHoldsWhatTheSearchFound) {
  const std::string before = study("tuned = \"learned\"").digest, alone = study("").digest;
  write("home/bench/tuned.toml", "[tagging]\nlearned = {}\n[classification]\nlearned = {}\n");
  EXPECT_NE(study("tuned = \"learned\"").digest, before);
  EXPECT_EQ(study("").digest, alone);
}

TEST_F(Tuned, WhatWasNotSearchedIsNamed) {
  const auto says = [&](const std::string& arm, const std::string& words) {
    EXPECT_THAT(message_of<UserError>([&] { study(arm); }),
                testing::AllOf(testing::HasSubstr("mine.toml"), testing::HasSubstr(words)));
  };
  says("tuned = \"lerned\"", "'lerned'; did you mean 'learned'?");
  says("tuned = \"learned\"\ntuned_on = \"taging\"", "'taging'; did you mean 'tagging'?");
}

TEST_F(Expansion, MistypedWordsAreNamedWithFileAndNearest) {
  const auto expect_named = [&](const std::string& text, const std::string& word,
                                const std::string& meant) {
    const std::string message = complaint(text, "full");
    EXPECT_THAT(message, testing::HasSubstr("mine.toml"));
    EXPECT_THAT(message, testing::HasSubstr("'" + word + "'; did you mean '" + meant + "'?"));
  };
  expect_named(with(kWhole, "[grid]", "[gird]"), "gird", "grid");
  expect_named(with(kWhole, "[base]", "[bas]"), "bas", "base");
  expect_named(with(kWhole, "about", "abuot"), "abuot", "about");
  expect_named(with(kWhole, "\"accuracy\"", "\"acuracy\""), "acuracy", "accuracy");
  expect_named(with(kWhole, "[profile.quick]", "[profile.quik]"), "quik", "quick");
  expect_named(with(kWhole, "core_seconds = 2", "core_second = 2"), "core_second", "core_seconds");
  expect_named(with(kWhole, "arms = [\"none\"]", "arms = [\"non\"]"), "non", "none");
  expect_named(with(kWhole, "[\"classification\"", "[\"clasification\""), "clasification",
               "classification");
  expect_named(with(kFamily, "\"mother\"", "\"mohter\"") + "[profile.full]\ncore_seconds = 1\n" +
                   "seeds = [0]\n",
               "mohter", "mother");
}

TEST_F(Expansion, WhatIsMissingOrMisplacedIsNamed) {
  const auto says = [&](const std::string& text, const std::string& words) {
    EXPECT_THAT(complaint(text),
                testing::AllOf(testing::HasSubstr("mine.toml"), testing::HasSubstr(words)));
  };
  for (const std::string key : {"id", "harness", "about"}) {
    std::string text = kWhole;
    const auto line = text.find(key + " = ");
    says(text.erase(line, text.find('\n', line) - line), "'" + key + "' is missing");
  }
  says(kHead, "'profile' is missing");
  says(kHead + "[profile.quick]\nseeds = [0]\n", "'core_seconds' is missing");
  says(kHead + "[profile.quick]\ncore_seconds = 1\n", "'seeds' is missing");
  says(with(kWhole, "id = \"mine\"", "id = \"yours\""), "'yours' is not the file's name");
  says(with(kWhole, "arm = \"none\"", ""), "a [[arm]] table without its name");
  says(with(kWhole, "setting = \"tagging\"", ""), "a [[setting]] table without its name");
  says(with(kWhole, "[0.1, 0.2]", "0.1"), "grid.position_rms is not a list");
  says(with(kWhole, "[0.1, 0.2]", "[]"), "grid.position_rms is not a list");
  says(kWhole + "= 5\n", ".toml:");
}

// Words where numbers belong are bad input, not a fault of the program.
TEST_F(Expansion, WrongTypesAreUserErrors) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"seeds = [4, 7]", "seeds = \"all\""},
           {"seeds = [4, 7]", "seeds = [\"four\"]"},
           {"core_seconds = 1.5", "core_seconds = \"short\""},
           {"id = \"mine\"", "id = 5"},
           {"about = \"a study of a test\"", "about = [\"a\"]"},
           {"[base]", "[[base]]"},
           {"hidden = 8", "hidden = 2026-11-22"}}) {
    EXPECT_THAT(complaint(with(kWhole, from, to)), testing::HasSubstr("mine.toml")) << to;
  }
}

// Otherwise the children would wait for a trial that nobody runs.
TEST_F(Expansion, AProfileThatKeepsAChildKeepsItsParents) {
  const std::string profile = "[profile.full]\ncore_seconds = 1\nseeds = [0]\narms = ";
  EXPECT_THAT(complaint(kFamily + profile + "[\"child\", \"grandmother\"]", "full"),
              testing::AllOf(testing::HasSubstr("mine.toml"), testing::HasSubstr("'mother'")));
  EXPECT_EQ(study(kFamily + profile + "[\"mother\", \"grandmother\"]", "full").trials.size(), 8u);
}

TEST_F(Expansion, NoArmIsItsOwnAncestor) {
  const std::string circle = with(kFamily, "parent = \"grandmother\"", "parent = \"child\"");
  EXPECT_THAT(complaint(circle),
              testing::AllOf(testing::HasSubstr("mine.toml"), testing::HasSubstr("circle")));
  EXPECT_THAT(complaint(with(kFamily, "parent = \"mother\"", "parent = \"child\"")),
              testing::HasSubstr("circle"));
}

}  // namespace
}  // namespace posbench
