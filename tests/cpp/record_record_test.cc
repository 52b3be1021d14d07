#include "record/record.h"

#include <set>

#include "base/files.h"
#include "base/sha256.h"
#include "dataset_helpers.h"
#include "json_printing.h"
#include "study/study.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

const json kDefaults = {{"steps", 300},      {"learning_rate", 0.001}, {"encoding", "learned"},
                        {"init", ""},        {"keep_weights", false},  {"seed", 0},
                        {"arms", {"a", "b"}}};

std::string id_of(json spec, const json& defaults = kDefaults) {
  spec["harness"] = "accuracy";
  return Identity{without_defaults(spec, defaults), {{"brown_pos", "d1"}}, "f1"}.id();
}

TEST(Canonical, SortsKeysAndLeavesNoBlanks) {
  const json value = json::parse(R"({"b": [1, 2.5, "x y"], "a": {"d": null, "c": true}})");
  EXPECT_EQ(canonical(value), R"({"a":{"c":true,"d":null},"b":[1,2.5,"x y"]})");
}

TEST(Canonical, NumbersSurviveTheRoundTrip) {
  for (const double number : {0.1, 1.0 / 3, 1e-300, 5e-324, 123456789.123456789, -0.0}) {
    EXPECT_EQ(json::parse(canonical(number)).get<double>(), number);
  }
}

TEST(TrialId, IsTheDigestOfTheCanonicalIdentity) {
  const Identity identity{{{"harness", "h"}, {"x", 1}}, {{"brown_pos", "d1"}}, "f1"};
  EXPECT_EQ(identity.id(), sha256(R"({"datasets":{"brown_pos":"d1"},"fingerprint":"f1",)"
                                  R"("spec":{"harness":"h","x":1}})"));
}

// A key that is added tomorrow, at its default, orphans no record of today.
TEST(TrialId, DoesNotChangeWithAKeyAtItsDefault) {
  const std::string id = id_of({{"steps", 100}});
  json more = kDefaults;
  more["dropout"] = 0.0;
  EXPECT_EQ(id_of({{"steps", 100}, {"dropout", 0.0}}, more), id);
  for (const auto& [key, value] : kDefaults.items()) {
    if (key != "steps") {
      EXPECT_EQ(id_of({{"steps", 100}, {key, value}}), id) << key;
    }
  }
}

TEST(TrialId, ChangesWithEveryOtherValue) {
  const std::string id = id_of({});
  const json others = {{"steps", 301},      {"learning_rate", 0.002}, {"encoding", "none"},
                       {"init", "parent"},  {"keep_weights", true},   {"seed", 1},
                       {"arms", {"b", "a"}}};
  std::vector<std::string> ids = {id};
  for (const auto& [key, value] : others.items()) ids.push_back(id_of({{key, value}}));
  const json spec = {{"harness", "accuracy"}};
  ids.push_back(Identity{spec, {{"brown_pos", "d2"}}, "f1"}.id());
  ids.push_back(Identity{spec, {{"brown_pos", "d1"}}, "f2"}.id());
  ids.push_back(Identity{spec, {{"wordnet_gloss", "d1"}}, "f1"}.id());
  ids.push_back(Identity{{{"harness", "other"}}, {{"brown_pos", "d1"}}, "f1"}.id());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(WithoutDefaults, DropsEqualValuesOnly) {
  const json left =
      without_defaults({{"steps", 300}, {"learning_rate", 0.5}, {"other", 1}}, kDefaults);
  EXPECT_EQ(left, json({{"learning_rate", 0.5}, {"other", 1}}));
}

class Records : public ScratchTest {
 protected:
  static json record(const std::string& harness, int seed) {
    Identity identity{{{"harness", harness}, {"seed", seed}}, json::object(), "f"};
    return {{"schema", "posbench." + harness + "/1"},
            {"id", identity.id()},
            {"spec", identity.spec},
            {"datasets", identity.datasets},
            {"fingerprint", "f"},
            {"parent", nullptr},
            {"result", {{"x", seed}}},
            {"provenance", json::object()}};
  }

  json put(const std::string& harness, int seed) const {
    const json made = record(harness, seed);
    write_record(folder, made);
    return made;
  }

  std::vector<json> lines(const std::string& file) const {
    std::istringstream text(read_file(folder / file));
    std::vector<json> all;
    for (std::string line; std::getline(text, line);) all.push_back(json::parse(line));
    return all;
  }
};

TEST_F(Records, AreFoundAsTheyWereWritten) {
  const json written = put("accuracy", 3);
  const std::string id = written.at("id");
  EXPECT_EQ(record_file(folder, id), folder / "trials" / (id + ".json"));
  EXPECT_EQ(find_record(folder, id), written);
  EXPECT_EQ(find_record(folder, std::string(64, '0')), std::nullopt);
  EXPECT_EQ(find_record(folder / "elsewhere", id), std::nullopt);
}

TEST_F(Records, CutAnywhereCountAsAbsent) {
  const json written = put("accuracy", 3);
  const std::string id = written.at("id");
  const std::string bytes = read_file(record_file(folder, id));
  // Without the line end it is whole.
  for (std::size_t size = 0; size + 1 < bytes.size(); ++size) {
    write("trials/" + id + ".json", bytes.substr(0, size));
    ASSERT_EQ(find_record(folder, id), std::nullopt) << size;
  }
}

TEST_F(Records, ForeignFilesCountAsAbsent) {
  const json written = put("accuracy", 3);
  const std::string id = written.at("id");
  const auto replaced_by = [&](const std::string& text) {
    write("trials/" + id + ".json", text);
    return find_record(folder, id);
  };
  const std::string missing = std::string(64, 'f');
  for (const std::string text :
       {"[]", "null", "5", "\"text\"", "{}", R"({"id": 5})", R"({"id": null})", "\xff\xfe"}) {
    EXPECT_EQ(replaced_by(text), std::nullopt) << text;
  }
  EXPECT_EQ(replaced_by(canonical(record("accuracy", 4))), std::nullopt);  // another trial's
  EXPECT_EQ(replaced_by(canonical({{"id", id}})), std::nullopt);
  for (const auto& [key, value] : written.items()) {
    json without = written;
    without.erase(key);
    EXPECT_EQ(replaced_by(canonical(without)), std::nullopt) << key;
  }
  EXPECT_EQ(replaced_by(canonical(written)), written);
}

TEST_F(Records, MergesAreSortedAndComplete) {
  std::vector<std::string> accuracy, cost;
  for (int seed = 0; seed < 20; ++seed) accuracy.push_back(put("accuracy", seed).at("id"));
  for (int seed = 0; seed < 5; ++seed) {
    cost.push_back(put("encoding_cost", seed).at("id"));
    cost.push_back(put("encoder_cost", seed).at("id"));
    cost.push_back(put("peer_cost", seed).at("id"));
    cost.push_back(put("reading_cost", seed).at("id"));
  }
  const json memory = put("memory_cost", 0), error = put("encoding_error", 0);
  write("trials/half.json", "{\"id\": \"ha");            // no record
  write("trials/note.txt", "a person was here");         // no JSON
  write("trials/" + accuracy[0] + ".json.part77", "{");  // left by a kill
  merge_records(folder);

  const auto check = [&](const std::string& file, std::vector<std::string> ids) {
    std::sort(ids.begin(), ids.end());
    const auto found = lines(file);
    ASSERT_EQ(found.size(), ids.size()) << file;
    for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(found[i], find_record(folder, ids[i]));
  };
  check("accuracy.jsonl", accuracy);
  check("cost.jsonl", cost);
  check("memory.jsonl", {memory.at("id")});
  check("error.jsonl", {error.at("id")});
}

// A harness without a merge would end every run of its studies with an error, after measuring.
TEST_F(Records, EveryHarnessIsMerged) {
  std::set<std::string> ids, merged;
  for (const std::string& harness : kHarnesses) ids.insert(put(harness, 0).at("id"));
  merge_records(folder);
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".jsonl") continue;
    for (const json& record : lines(entry.path().filename())) merged.insert(record.at("id"));
  }
  EXPECT_EQ(merged, ids);
}

TEST_F(Records, MergesAreMadeAnewAndTheSameEachTime) {
  put("accuracy", 1);
  const json second = put("accuracy", 2);
  merge_records(folder);
  const std::string first = read_file(folder / "accuracy.jsonl");
  merge_records(folder);
  EXPECT_EQ(read_file(folder / "accuracy.jsonl"), first);
  fs::remove(record_file(folder, second.at("id")));
  merge_records(folder);
  EXPECT_EQ(lines("accuracy.jsonl").size(), 1u);
}

TEST_F(Records, AnEmptyRunHasEmptyMerges) {
  merge_records(folder);
  for (const std::string file : {"accuracy.jsonl", "cost.jsonl", "error.jsonl", "memory.jsonl"}) {
    EXPECT_EQ(read_file(folder / file), "") << file;
  }
}

}  // namespace
}  // namespace posbench
