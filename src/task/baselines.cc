#include "task/baselines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linear.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/nearest.h"
#include "dataset/reader.h"
#include "task/scores.h"
#include "task/span.h"

namespace posbench {
namespace {

using Examples = std::span<const std::uint32_t>;
using Counts = std::vector<std::size_t>;

std::int32_t most_frequent(const Counts& counts) {
  return static_cast<std::int32_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

std::int32_t majority_label(const Dataset& dataset, Examples training) {
  Counts counts(dataset.labels.size());
  for (const std::uint32_t e : training) {
    for (const std::int32_t label : dataset.examples[e].labels) {
      if (label != kNoLabel) ++counts[static_cast<std::size_t>(label)];
    }
  }
  return most_frequent(counts);
}

Unit unit_of(const Dataset& dataset, std::uint32_t example, std::size_t position,
             std::int32_t label, std::int32_t guess) {
  return {.document = dataset.examples[example].document,
          .example = example,
          .position = static_cast<std::int32_t>(position),
          .loss = std::numeric_limits<float>::quiet_NaN(),
          .correct = label == guess,
          .label = label,
          .guess = guess};
}

// Answers each label of the examples asked by `guess` (example, index of the label).
template <class Guess>
std::vector<Unit> answer_labels(const Dataset& dataset, Examples asked, Guess guess) {
  std::vector<Unit> units;
  for (const std::uint32_t e : asked) {
    const Example& example = dataset.examples[e];
    for (std::size_t i = 0; i < example.labels.size(); ++i) {
      if (example.labels[i] == kNoLabel) continue;
      units.push_back(unit_of(dataset, e, i, example.labels[i], guess(example, i)));
    }
  }
  return units;
}

std::vector<Unit> majority(const Dataset& dataset, Examples training, Examples asked) {
  const std::int32_t label = majority_label(dataset, training);
  return answer_labels(dataset, asked, [label](const Example&, std::size_t) { return label; });
}

std::vector<Unit> frequent_tag(const Dataset& dataset, Examples training, Examples asked) {
  // Of each word: how often it has each label, in the order in which they came.
  std::unordered_map<std::string, std::vector<std::pair<std::int32_t, std::size_t>>> seen;
  for (const std::uint32_t e : training) {
    const Example& example = dataset.examples[e];
    for (std::size_t i = 0; i < example.words.size(); ++i) {
      if (example.labels[i] == kNoLabel) continue;
      auto& labels = seen[lower_case(example.words[i])];
      const auto known = std::find_if(labels.begin(), labels.end(), [&](const auto& one) {
        return one.first == example.labels[i];
      });
      if (known == labels.end()) {
        labels.emplace_back(example.labels[i], 1);
      } else {
        ++known->second;
      }
    }
  }
  std::unordered_map<std::string, std::int32_t> best;
  for (const auto& [word, labels] : seen) {
    best[word] = std::max_element(labels.begin(), labels.end(), [](const auto& a, const auto& b) {
                   return a.second < b.second;
                 })->first;
  }
  const auto noun = std::find(dataset.labels.begin(), dataset.labels.end(), "nn");
  const std::int32_t unknown = noun == dataset.labels.end()
                                   ? majority_label(dataset, training)
                                   : static_cast<std::int32_t>(noun - dataset.labels.begin());
  return answer_labels(dataset, asked, [&](const Example& example, std::size_t i) {
    const auto known = best.find(lower_case(example.words[i]));
    return known == best.end() ? unknown : known->second;
  });
}

// A text as LIBLINEAR reads it: which words of the training side occur, by ascending number from 1.
class WordBags {
 public:
  void learn(const Example& example) {
    for (const auto& word : example.words) {
      numbers_.emplace(lower_case(word), static_cast<int>(numbers_.size()) + 1);
    }
  }
  std::vector<feature_node> bag(const Example& example) const {
    std::set<int> occurring;
    for (const auto& word : example.words) {
      if (const auto known = numbers_.find(lower_case(word)); known != numbers_.end()) {
        occurring.insert(known->second);
      }
    }
    std::vector<feature_node> nodes;
    for (const int number : occurring) nodes.push_back({number, 1.0});
    nodes.push_back({static_cast<int>(numbers_.size()) + 1, 1.0});  // the bias
    nodes.push_back({-1, 0.0});                                     // the end
    return nodes;
  }
  int features() const { return static_cast<int>(numbers_.size()) + 1; }

 private:
  std::unordered_map<std::string, int> numbers_;
};

std::vector<Unit> bag_of_words(const Dataset& dataset, Examples training, Examples asked) {
  WordBags bags;
  for (const std::uint32_t e : training) bags.learn(dataset.examples[e]);
  std::vector<std::vector<feature_node>> rows;
  std::vector<feature_node*> row_pointers;
  std::vector<double> labels;
  for (const std::uint32_t e : training) {
    rows.push_back(bags.bag(dataset.examples[e]));
    labels.push_back(dataset.examples[e].labels.front());
  }
  for (auto& row : rows) row_pointers.push_back(row.data());
  problem data{};
  data.l = static_cast<int>(rows.size());
  data.n = bags.features();
  data.y = labels.data();
  data.x = row_pointers.data();
  data.bias = 1;
  parameter how{};
  how.solver_type = L2R_LR;
  how.C = 1;
  how.eps = 0.01;
  set_print_string_function([](const char*) {});
  const auto free_model = [](model* m) { free_and_destroy_model(&m); };
  const std::unique_ptr<model, decltype(free_model)> learned(train(&data, &how), free_model);
  return answer_labels(dataset, asked, [&](const Example& example, std::size_t) {
    return static_cast<std::int32_t>(predict(learned.get(), bags.bag(example).data()));
  });
}

bool has_word(const Passage& passage, std::int32_t word) {
  return !squad_normalized(passage.words[static_cast<std::size_t>(word)]).empty();
}

std::vector<Unit> first_occurrence(const Dataset& dataset, Examples training, Examples asked) {
  constexpr std::size_t kLongest = 5;
  std::unordered_set<std::string> answers;
  for (const std::uint32_t e : training) {
    for (const Answer& answer : dataset.examples[e].answers) {
      answers.insert(squad_normalized(answer.text));
    }
  }
  answers.erase("");
  const auto find = [&](const Passage& passage) -> SpanGuess {
    for (std::size_t first = 0; first < passage.words.size(); ++first) {
      for (std::size_t n = std::min(kLongest, passage.words.size() - first); n > 0; --n) {
        const auto begin = static_cast<std::int32_t>(first);
        const auto last = static_cast<std::int32_t>(first + n - 1);
        // Without punctuation or articles at its ends, which the normal form would hide.
        if (!has_word(passage, begin) || !has_word(passage, last)) continue;
        if (answers.contains(squad_normalized(span_text(passage, begin, last)))) {
          return {begin, last};
        }
      }
    }
    return {0, 0};
  };
  std::vector<Unit> units;
  for (const std::uint32_t e : asked) {
    const Example& example = dataset.examples[e];
    const SpanGuess guess = find(*example.passage);
    Unit unit = unit_of(dataset, e, example.passage->words.size(), 0, guess.first);
    unit.last = guess.last;
    unit.correct = score_span(example, guess.first, guess.last).exact;
    units.push_back(unit);
  }
  return units;
}

}  // namespace

const std::vector<BaselineAbout>& baselines() {
  static const std::vector<BaselineAbout> all = {
      {"majority", {"classification", "tagging"}, "the most frequent label"},
      {"frequent_tag", {"tagging"}, "the label that a word has most often"},
      {"bag_of_words", {"classification"}, "logistic regression on which words occur"},
      {"first_occurrence", {"span_qa"}, "the first place that was an answer in training"}};
  return all;
}

std::vector<Unit> answer_by_baseline(const std::string& baseline, const std::string& task,
                                     const Dataset& dataset, Examples training, Examples asked) {
  std::vector<std::string> names;
  for (const BaselineAbout& one : baselines()) {
    names.push_back(one.name);
    if (one.name != baseline) continue;
    if (std::find(one.tasks.begin(), one.tasks.end(), task) == one.tasks.end()) {
      throw UserError(fmt::format("baseline {} is for {}, not for {}", baseline,
                                  fmt::join(one.tasks, ", "), task));
    }
    if (baseline == "majority") return majority(dataset, training, asked);
    if (baseline == "frequent_tag") return frequent_tag(dataset, training, asked);
    if (baseline == "bag_of_words") return bag_of_words(dataset, training, asked);
    return first_occurrence(dataset, training, asked);
  }
  throw UserError(unknown_word("baseline", baseline, names));
}

}  // namespace posbench
