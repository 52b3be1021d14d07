#include "base/process.h"

#include <set>

#include "base/files.h"
#include "dataset_helpers.h"
#include "variable.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;

TEST(RunProcess, ReturnsWhatItPrintedAndHowItEnded) {
  const ProcessOutput told = run_process({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(told.exit_code, 3);
  EXPECT_EQ(told.output, "out\n");
  EXPECT_EQ(told.errors, "err\n");
}

// No shell stands between: a word is a word, whatever is in it.
TEST(RunProcess, PassesWordsOnUntouched) {
  EXPECT_EQ(run_process({"printf", "%s", "a b; $HOME \"'*"}).output, "a b; $HOME \"'*");
}

TEST(RunProcess, GivesNothingToRead) { EXPECT_EQ(run_process({"cat"}).output, ""); }

TEST(RunProcess, TellsASignal) {
  EXPECT_EQ(run_process({"sh", "-c", "kill -9 $$"}).exit_code, 128 + 9);
}

TEST(RunProcess, NamesAProgramThatIsNotThere) {
  EXPECT_THAT(message_of<UserError>([] { run_process({"/no/such/program"}); }),
              testing::HasSubstr("/no/such/program"));
}

TEST(WaitForAny, ReportsEachChildOnce) {
  std::set<pid_t> started, ended;
  for (int i = 0; i < 4; ++i) started.insert(start_process({"true"}, "", ""));
  for (int i = 0; i < 4; ++i) {
    const auto [child, code] = wait_for_any();
    EXPECT_EQ(code, 0);
    ended.insert(child);
  }
  EXPECT_EQ(ended, started);
}

class StartProcess : public ScratchTest {};

TEST_F(StartProcess, BothStreamsMayShareAFile) {
  const fs::path log = folder / "log";
  EXPECT_EQ(wait_for(start_process({"sh", "-c", "echo one; echo two >&2; echo three"}, log, log)),
            0);
  EXPECT_EQ(read_file(log), "one\ntwo\nthree\n");
}

TEST_F(StartProcess, ALogThatCannotBeWrittenIsAnError) {
  EXPECT_THROW(start_process({"true"}, folder / "no" / "folder" / "log", ""), UserError);
}

TEST_F(StartProcess, ProgramsAreFoundThroughPath) {
  fs::permissions(write("mine", "#!/bin/sh\n"), fs::perms::owner_all);
  write("not_executable", "");
  const Variable path("PATH", "/no/such:" + folder.string());
  EXPECT_TRUE(has_program("mine"));
  EXPECT_FALSE(has_program("not_there"));
  EXPECT_FALSE(has_program("not_executable"));
  const Variable none("PATH", std::nullopt);
  EXPECT_FALSE(has_program("mine"));
}

TEST(SiblingBinary, LiesBesideTheRunningOne) {
  const fs::path self = fs::read_symlink("/proc/self/exe");
  EXPECT_EQ(sibling_binary(self.filename()), self);
  EXPECT_THAT(message_of<UserError>([] { sibling_binary("no_such_harness"); }),
              testing::HasSubstr("no_such_harness is not there; build it"));
}

}  // namespace
}  // namespace posbench
