// baseline: what a predictor that is no encoder scores on a task: majority, most frequent tag, bag
// of words, first occurrence. The same splits as those of `accuracy`, so that they pair by seed.
#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"
#include "harness.h"
#include "task/baselines.h"
#include "task/training.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kExamples =
    "  baseline --baseline frequent_tag --task tagging --dataset brown_pos\n"
    "      each word gets the tag that it has most often\n"
    "  baseline --baseline bag_of_words --task classification --dataset sst2 --seed 3\n"
    "      logistic regression on which words occur\n";

struct Data {
  Dataset dataset;
  int split_index;
  Split split;
};

Data load(const json& spec) {
  Dataset dataset = load_dataset(spec.at("dataset"));
  const int index = static_cast<int>(spec.at("seed").get<std::uint64_t>() % kSplits);
  Split split = split_documents(dataset, index);
  return {std::move(dataset), index, std::move(split)};
}

std::vector<Unit> answer(const json& spec, const Data& data, std::size_t most_training,
                         std::size_t most_asked) {
  const auto some = [](const std::vector<std::uint32_t>& all, std::size_t most) {
    return std::span(all).first(std::min(most, all.size()));
  };
  return answer_by_baseline(spec.at("baseline"), spec.at("task"), data.dataset,
                            some(data.split.train, most_training),
                            some(data.split.test, most_asked));
}

json datasets(const json& spec) {
  make_task(spec.at("task"));
  const std::string name = spec.at("dataset");
  return {{name, dataset_digest(name)}};
}

// What it answers when it has seen a little.
std::string fingerprint(const json& spec) {
  json of_first_seed = spec;  // trials that differ by their seed share it
  of_first_seed["seed"] = 0;
  std::string answers;
  for (const Unit& unit : answer(of_first_seed, load(of_first_seed), 500, 100)) {
    answers += fmt::format("{} {}\n", unit.guess, unit.last);
  }
  return sha256(answers);
}

json run(const json& spec, const std::string& /*folder*/) {
  const Data data = load(spec);
  constexpr std::size_t kAll = -1;
  const std::vector<Unit> units = answer(spec, data, kAll, kAll);
  const auto task = make_task(spec.at("task"));
  const auto correct =
      std::count_if(units.begin(), units.end(), [](const Unit& unit) { return unit.correct; });
  return {{"metric", task->metric(data.dataset)},
          {"split", data.split_index},
          {"test",
           {{"accuracy", static_cast<double>(correct) / static_cast<double>(units.size())},
            {"examples", units.size()},
            {"scores", task->scores(data.dataset, units)}}}};
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "baseline",
      "scores a predictor that is no encoder",
      posbench::kExamples,
      {Key{"arm", "majority", "name of the arm in its study"},
       Key{"baseline", "majority", "majority, frequent_tag, bag_of_words or first_occurrence"},
       Key{"task", "tagging", "see `posbench list tasks`"},
       Key{"dataset", "brown_pos",
           "see `posbench list datasets`, or the path of your own manifest (.toml)"},
       Key{"seed", 0, "draws the split"}},
      posbench::datasets,
      posbench::fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
