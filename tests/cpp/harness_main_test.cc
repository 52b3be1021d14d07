// What the four binaries share, on a harness made up for the purpose.
#include "harness.h"

#include <sstream>

#include "base/files.h"
#include "dataset_helpers.h"
#include "json_printing.h"
#include "kernel/isa.h"
#include "record/record.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

int runs = 0;

json no_data(const json&) { return json::object(); }

std::string fingerprint(const json& spec) { return "f" + spec.at("word").get<std::string>(); }

json run(const json& spec, const std::string& folder) {
  ++runs;
  const std::string word = spec.at("word");
  if (word == "user") throw UserError("the user did it");
  if (word == "memory") throw std::bad_alloc();
  return {{"doubled", 2 * spec.at("count").get<int>()}, {"folder", folder}};
}

Harness harness() {
  return {"fake_cost",
          "doubles a number",
          "  fake_cost --count 3\n",
          {{"word", "none", "a word"},
           {"count", 1, "a whole number"},
           {"real_rate", 0.5, "a number"},
           {"keep", false, "a flag"},
           {"arms", {"a", "b"}, "a list"},
           {"init", "", "a parent"},
           {"seed", 0, "a seed"}},
          no_data,
          fingerprint,
          run};
}

struct Told {
  int code;
  std::string output, errors;
};

Told call(std::vector<std::string> words, const Harness& which = harness()) {
  words.insert(words.begin(), which.name);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  std::fflush(stdout);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = harness_main(static_cast<int>(argv.size()), argv.data(), which);
  std::fflush(stdout);
  return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
}

json record_of(const std::vector<std::string>& words) {
  const Told told = call(words);
  EXPECT_EQ(told.code, 0) << told.errors;
  return json::parse(told.output);
}

TEST(HarnessMain, PrintsARecordWithDefaultsFilledIn) {
  const json record = record_of({"--count", "21", "--real-rate", "2", "--arms", "x,y,z"});
  EXPECT_EQ(record.at("schema"), "posbench.fake_cost/1");
  EXPECT_EQ(record.at("spec"), json({{"harness", "fake_cost"},
                                     {"word", "none"},
                                     {"count", 21},
                                     {"real_rate", 2.0},
                                     {"keep", false},
                                     {"arms", {"x", "y", "z"}},
                                     {"init", ""},
                                     {"isa", "native"},
                                     {"seed", 0}}));
  EXPECT_TRUE(record.at("spec").at("real_rate").is_number_float());
  EXPECT_EQ(record.at("result").at("doubled"), 42);
  EXPECT_EQ(record.at("fingerprint"), "fnone");
  EXPECT_EQ(record.at("parent"), nullptr);
  EXPECT_EQ(record.at("isa").at("asked"), "native");
  EXPECT_EQ(record.at("isa").at("used"), effective_isa());
  EXPECT_EQ(record.at("provenance").at("host"), record.at("host").at("id"));
  EXPECT_EQ(
      record.at("id"),
      (Identity{
           {{"harness", "fake_cost"}, {"count", 21}, {"real_rate", 2.0}, {"arms", {"x", "y", "z"}}},
           json::object(),
           "fnone"})
          .id());
}

TEST(HarnessMain, FlagsTrialAndFileAreOneThing) {
  const std::string id = record_of({"--count", "5", "--keep", "true"}).at("id");
  EXPECT_EQ(record_of({"--trial", R"({"count": 5, "keep": true})"}).at("id"), id);
  EXPECT_EQ(record_of({"--trial", R"({"count": 9, "keep": true})", "--count", "5"}).at("id"), id);
  EXPECT_EQ(record_of({"--trial", R"({"harness": "fake_cost", "count": 5, "keep": true, "seed": 0,
                                      "real_rate": 0.5})"})
                .at("id"),
            id);
  EXPECT_NE(record_of({"--count", "5"}).at("id"), id);
}

TEST(HarnessMain, NamesTheParent) { EXPECT_EQ(record_of({"--init", "abc"}).at("parent"), "abc"); }

TEST(HarnessMain, TellsItsKeysAndItsIdentity) {
  const json keys = json::parse(call({"--keys"}).output);
  EXPECT_EQ(keys.size(), 8u);  // with isa, which every harness has
  EXPECT_EQ(keys.at("arms"), json({"a", "b"}));
  const int before = runs;
  const json identity = json::parse(call({"--identify", "--word", "x"}).output);
  EXPECT_EQ(identity.at("fingerprint"), "fx");
  EXPECT_EQ(identity.at("datasets"), json::object());
  EXPECT_EQ(identity.at("spec").at("count"), 1);
  EXPECT_EQ(runs, before);
}

TEST(HarnessMain, MissingDataIsAnAnswerOrAnError) {
  Harness needs = harness();
  needs.datasets = [](const json&) -> json {
    throw MissingData("no words here; to get them: posbench data fetch words");
  };
  const Told identity = call({"--identify"}, needs);
  EXPECT_EQ(identity.code, 0);
  EXPECT_THAT(json::parse(identity.output).at("missing").get<std::string>(),
              testing::EndsWith("posbench data fetch words"));
  const Told trial = call({}, needs);
  EXPECT_EQ(trial.code, 2);
  EXPECT_EQ(trial.errors, "error: no words here; to get them: posbench data fetch words\n");
  EXPECT_EQ(trial.output, "");
}

TEST(HarnessMain, HelpTellsEveryKeyWithItsDefault) {
  const Told told = call({"--help"});
  EXPECT_EQ(told.code, 0);
  for (const char* text :
       {"fake_cost: doubles a number", "Usage: fake_cost", "--count", "--real-rate",
        "a whole number [1]", "a list [a,b]", "Examples:\n  fake_cost --count 3"}) {
    EXPECT_THAT(told.output, testing::HasSubstr(text));
  }
}

TEST(HarnessMain, BadInputIsNamedAndExitsWithTwo) {
  const auto says = [](const std::vector<std::string>& words, const std::string& text) {
    const int before = runs;
    const Told told = call(words);
    EXPECT_EQ(told.code, 2) << text;
    EXPECT_EQ(told.output, "");
    EXPECT_THAT(told.errors, testing::StartsWith("error: "));
    EXPECT_THAT(told.errors, testing::HasSubstr(text));
    EXPECT_EQ(runs, before) << text;
  };
  says({"--cuont", "3"}, "unknown flag '--cuont'; did you mean '--count'?");
  says({"--count", "three"}, "--count three is not a whole number; its default is 1");
  says({"--count", "1.5"}, "is not a whole number");
  says({"--real-rate", "fast"}, "--real-rate fast is not a number");
  says({"--isa", "axv2"}, "unknown instruction set 'axv2'; did you mean 'avx2'?");
  says({"--keep", "maybe"}, "--keep maybe is not true or false");
  says({"--count"}, "count");
  says({"--trial", R"({"cout": 3})"}, "unknown fake_cost key 'cout'; did you mean 'count'?");
  says({"--trial", R"({"count": "3"})"}, "'count' is \"3\"; expected something like 1");
  says({"--trial", R"({"count": 1.5})"}, "'count' is 1.5");
  says({"--trial", R"({"keep": 1})"}, "'keep' is 1; expected something like false");
  says({"--trial", R"({"harness": "accuracy"})"}, "start that binary");
  says({"--trial", "{broken"}, "is not JSON");
  says({"--trial", "/no/such/file"}, "/no/such/file");
}

TEST(HarnessMain, AFailedTrialIsAnError) {
  EXPECT_EQ(call({"--word", "user"}).errors, "error: the user did it\n");
  EXPECT_EQ(call({"--word", "user"}).code, 2);
  EXPECT_THAT(call({"--word", "memory"}).errors, testing::HasSubstr("not enough memory"));
}

class HarnessOut : public ScratchTest {};

TEST_F(HarnessOut, TheRecordIsWrittenOnceAndFoundAgain) {
  const Told told = call({"--count", "4", "--out", folder});
  EXPECT_EQ(told.code, 0) << told.errors;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder / "trials")) files.push_back(entry);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(told.output, files[0].string() + "\n");
  const std::string bytes = read_file(files[0]);
  EXPECT_EQ(json::parse(bytes).at("result").at("folder"), folder.string());
  EXPECT_FALSE(json::parse(bytes).contains("host"));  // run.json has it
  EXPECT_TRUE(find_record(folder, files[0].stem()));

  const int before = runs;
  EXPECT_THAT(call({"--count", "4", "--out", folder}).output, testing::HasSubstr("already there"));
  EXPECT_EQ(runs, before);
  EXPECT_EQ(read_file(files[0]), bytes);

  write("trials/" + files[0].filename().string(), bytes.substr(0, 100));  // torn by something else
  EXPECT_EQ(call({"--count", "4", "--out", folder}).code, 0);
  EXPECT_EQ(runs, before + 1);
  EXPECT_TRUE(find_record(folder, files[0].stem()));
}

TEST_F(HarnessOut, AFailedTrialLeavesNoFile) {
  EXPECT_EQ(call({"--word", "user", "--out", folder}).code, 2);
  EXPECT_TRUE(fs::is_empty(folder / "trials"));
}

TEST_F(HarnessOut, AFolderThatCannotBeWrittenStopsItBeforeItRuns) {
  const int before = runs;
  const fs::path below = write("file", "text") / "run";
  const Told told = call({"--out", below});
  EXPECT_EQ(told.code, 2);
  EXPECT_THAT(told.errors, testing::HasSubstr(below.string()));
  EXPECT_EQ(runs, before);
}

}  // namespace
}  // namespace posbench
