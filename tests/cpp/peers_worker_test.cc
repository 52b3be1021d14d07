// Workers and their agreement, with shell scripts for engines.
#include <fmt/format.h>

#include "dataset_helpers.h"
#include "peers/agreement.h"
#include "peers/worker.h"

namespace posbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Peers : public ScratchTest {
 protected:
  // A worker that runs `script` in a shell; $1 is the test's folder.
  std::unique_ptr<Worker> start(const std::string& name, const std::string& script) const {
    const WorkerCommand command{{"/bin/sh", "-c", script, "sh", folder.string()}, {"PATH=/bin"}};
    return std::make_unique<Worker>(name, command, folder / (name + ".log"));
  }

  // An engine that answers everything: these bytes (as printf writes them) as logits, these losses.
  std::unique_ptr<Worker> engine(const std::string& name, const std::string& bytes,
                                 const std::string& losses, const std::string& score) const {
    return start(name, fmt::format(R"(
      echo 'ready {{"loaded_bytes": 1}}'
      while read command argument; do
        case $command in
          outputs) printf '{}' > "$argument"; echo outputs;;
          losses) echo "losses {}";;
          score) echo "score {}";;
          *) echo "$command";;
        esac
      done)",
                                   bytes, losses, score));
  }

  std::string complaint(const std::string& script, const std::string& command = "") const {
    return message_of<std::runtime_error>([&] {
      const auto worker = start("imaginary", script);
      if (!command.empty()) worker->ask_numbers(command);
    });
  }

  std::string disagreement(std::unique_ptr<Worker> theirs) const {
    Workers workers;
    workers.push_back(engine("ours", kOne, "3 2 1", "90 100"));
    workers.push_back(std::move(theirs));
    return message_of<std::runtime_error>([&] {
      require_agreement(workers, /*trains=*/true, tolerance_of("f32"), folder);
      require_equal_scores(workers, tolerance_of("f32"));
    });
  }

  static constexpr auto kOne = R"(\000\000\200\077\000\000\200\077)";        // 1, 1 in f32
  static constexpr auto kNearOne = R"(\000\000\200\077\001\000\200\077)";    // 1, 1 + 2^-23
  static constexpr auto kAlmostOne = R"(\000\000\200\077\000\020\200\077)";  // 1, 1 + 2^-11
  static constexpr auto kNan = R"(\000\000\200\077\000\000\300\177)";        // 1, NaN
};

TEST_F(Peers, AnswerInTurn) {
  const auto worker = start("counter", R"(
    echo 'ready {"loaded_bytes": 42}'
    n=0; while read command argument; do n=$((n + argument)); echo "$command $n 0.5 nan"; done)");
  EXPECT_EQ(worker->about().at("loaded_bytes"), 42);
  EXPECT_EQ(worker->ask("run", "3"), "3 0.5 nan");
  const std::vector<double> numbers = worker->ask_numbers("losses", "4");
  ASSERT_EQ(numbers.size(), 3u);
  EXPECT_EQ(numbers[0], 7);
  EXPECT_EQ(numbers[1], 0.5);
  EXPECT_TRUE(std::isnan(numbers[2]));
}

TEST_F(Peers, GetOnlyTheEnvironmentThatTheyAreGiven) {
  const WorkerCommand command{
      {"/bin/sh", "-c", R"(echo 'ready {}'; read line; echo "$line $KNOWN,$HOME")"}, {"KNOWN=1"}};
  Worker worker("shell", command, folder / "log");
  EXPECT_EQ(worker.ask("what"), "1,");
}

TEST_F(Peers, ThatDieAreNamedWithTheirLastWords) {
  EXPECT_THAT(complaint("echo 'no such module' >&2; exit 1"),
              AllOf(HasSubstr("imaginary"), HasSubstr("no such module")));
  EXPECT_THAT(complaint("echo 'ready {}'; read line; echo 'out of luck' >&2", "memory"),
              AllOf(HasSubstr("imaginary"), HasSubstr("out of luck")));
  EXPECT_THAT(complaint("echo 'ready {}'; read line; kill -9 $$", "memory"),
              HasSubstr("imaginary ended without an answer; it left no message"));
}

TEST_F(Peers, ThatSayAnErrorOrSomethingElseAreNamed) {
  EXPECT_THAT(complaint("echo 'error no CPU'"),
              AllOf(HasSubstr("imaginary could not do 'ready'"), HasSubstr("no CPU")));
  EXPECT_THAT(complaint("echo hello"), HasSubstr("answered 'ready' with 'hello'"));
  EXPECT_THAT(complaint("echo 'ready to go'"), HasSubstr("does not say what it is"));
  EXPECT_THAT(complaint("echo 'ready {}'; read line; echo memory much", "memory"),
              HasSubstr("not numbers"));
  EXPECT_THAT(complaint("echo 'ready {}'; read line; echo memory", "memory"),
              HasSubstr("without a number"));
}

TEST_F(Peers, ThatAreNotThereAreNamed) {
  const WorkerCommand nothing{{(folder / "nothing").string()}, {}};
  EXPECT_THAT(message_of<std::runtime_error>([&] { Worker("imaginary", nothing, folder / "log"); }),
              AllOf(HasSubstr("imaginary"), HasSubstr("cannot start")));
}

TEST_F(Peers, ThatComputeTheSameAgree) {
  Workers workers;
  workers.push_back(engine("ours", kOne, "3 2 1", "90 100"));
  workers.push_back(engine("theirs", kNearOne, "3 2.00001 1", "901 1000"));
  const auto agreement = require_agreement(workers, true, tolerance_of("f32"), folder);
  EXPECT_NEAR(agreement.at("outputs").at("theirs"), 1.2e-7, 1e-8);
  EXPECT_NEAR(agreement.at("losses").at("theirs"), 5e-6, 1e-9);
  const auto scores = require_equal_scores(workers, tolerance_of("f32"));
  EXPECT_EQ(scores.at("ours"), 0.9);
  EXPECT_EQ(scores.at("theirs"), 0.901);
}

TEST_F(Peers, ThatDisagreeAreRefusedByName) {
  EXPECT_THAT(disagreement(engine("theirs", kAlmostOne, "3 2 1", "90 100")),
              AllOf(HasSubstr("theirs and ours do not compute the same: logits"),
                    HasSubstr("no time is kept")));
  EXPECT_THAT(disagreement(engine("theirs", kOne, "3 2 1.01", "90 100")), HasSubstr("losses"));
  EXPECT_THAT(disagreement(engine("theirs", kOne, "3 2 1", "91 100")), HasSubstr("scores"));
}

TEST_F(Peers, ThatAreNoNumberOrIncompleteDisagree) {
  EXPECT_THAT(disagreement(engine("theirs", kNan, "3 2 1", "90 100")), HasSubstr("logits"));
  EXPECT_THAT(disagreement(engine("theirs", "1234", "3 2 1", "90 100")), HasSubstr("logits"));
  EXPECT_THAT(disagreement(engine("theirs", kOne, "3 2 nan", "90 100")), HasSubstr("losses"));
  EXPECT_THAT(disagreement(engine("theirs", kOne, "3 2", "90 100")), HasSubstr("losses"));
  EXPECT_THAT(disagreement(engine("theirs", kOne, "3 2 1", "90")), HasSubstr("no score"));
}

}  // namespace
}  // namespace posbench
