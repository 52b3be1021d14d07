#include "cli/data_show.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include "base/error.h"
#include "dataset/dataset.h"
#include "dataset/reader.h"
#include "dataset/split.h"

namespace posbench {
namespace {

constexpr std::size_t kMostLabels = 20;
constexpr std::size_t kMostWords = 40;
constexpr std::size_t kExamples = 3;

using Indices = std::vector<std::uint32_t>;

double percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string side_name(Side side) {
  constexpr std::array kNames = {"left to the splits", "train", "dev", "test", "longer"};
  return kNames[static_cast<std::size_t>(side)];
}

void show_sides(const Dataset& dataset) {
  fmt::print("sides of the source\n");
  for (const Side side : {Side::any, Side::train, Side::dev, Side::test, Side::longer}) {
    const auto documents = std::count(dataset.sides.begin(), dataset.sides.end(), side);
    if (documents == 0) continue;
    const auto examples =
        std::count_if(dataset.examples.begin(), dataset.examples.end(),
                      [&](const Example& e) { return dataset.sides[e.document] == side; });
    fmt::print("  {:<18} {:>8} examples {:>8} documents\n", side_name(side), examples, documents);
  }
}

void show_splits(const Dataset& dataset) {
  fmt::print("examples by split\n  {:>5} {:>8} {:>8} {:>8} {:>8}\n", "split", "train", "dev",
             "test", "longer");
  for (int i = 0; i < kSplits; ++i) {
    const Split split = split_documents(dataset, i);
    const std::size_t longer = std::accumulate(
        split.longer.begin(), split.longer.end(), std::size_t{0},
        [](std::size_t sum, const NamedExamples& each) { return sum + each.examples.size(); });
    fmt::print("  {:>5} {:>8} {:>8} {:>8} {:>8}\n", i, split.train.size(), split.dev.size(),
               split.test.size(), longer);
  }
}

// How often each label stands at these examples.
std::vector<std::size_t> label_counts(const Dataset& dataset, const Indices& examples) {
  std::vector<std::size_t> counts(dataset.labels.size());
  for (const auto e : examples) {
    for (const auto label : dataset.examples[e].labels) {
      if (label != kNoLabel) ++counts[static_cast<std::size_t>(label)];
    }
  }
  return counts;
}

// The numbers of the labels that occur, the most frequent first.
std::vector<std::size_t> by_frequency(const std::vector<std::size_t>& counts) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  return order;
}

void show_labels(const Dataset& dataset, const Indices& all) {
  if (dataset.labels.empty()) return;
  const auto counts = label_counts(dataset, all);
  const auto order = by_frequency(counts);
  const std::size_t labelled = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
  fmt::print("labels: {}\n", order.size());
  for (std::size_t i = 0; i < std::min(order.size(), kMostLabels); ++i) {
    const std::size_t count = counts[order[i]];
    fmt::print("  {:<24} {:>8} {:>5.1f} %\n", dataset.labels[order[i]], count,
               percent(count, labelled));
  }
  if (order.size() > kMostLabels) fmt::print("  and {} more\n", order.size() - kMostLabels);
}

void show_quantiles(const std::string& what, std::vector<std::size_t> lengths) {
  std::sort(lengths.begin(), lengths.end());
  const auto quantile = [&](double share) {
    return lengths[static_cast<std::size_t>(std::ceil(share * static_cast<double>(lengths.size())) -
                                            1)];
  };
  fmt::print("  {:<18} p50 {}, p90 {}, p99 {}, max {}\n", what, quantile(0.5), quantile(0.9),
             quantile(0.99), lengths.back());
}

void show_lengths(const Dataset& dataset) {
  std::vector<std::size_t> words, passage;
  for (const auto& example : dataset.examples) {
    words.push_back(example.words.size());
    if (example.passage) passage.push_back(example.passage->words.size());
  }
  fmt::print("words\n");
  show_quantiles(passage.empty() ? "of an example" : "of a question", std::move(words));
  if (!passage.empty()) show_quantiles("of its passage", std::move(passage));
}

// What is not there as one expects it: left out, without a label, without an answer.
void show_gaps(const Dataset& dataset) {
  for (const auto& [why, count] : dataset.skipped) fmt::print("left out: {} ({})\n", count, why);
  std::size_t unlabelled = 0, unanswered = 0;
  for (const auto& example : dataset.examples) {
    unlabelled += static_cast<std::size_t>(
        std::count(example.labels.begin(), example.labels.end(), kNoLabel));
    unanswered += example.passage && example.answers.empty();
  }
  if (unlabelled > 0) fmt::print("words without a label: {}\n", unlabelled);
  if (unanswered > 0) fmt::print("questions without an answer: {}\n", unanswered);
}

template <class Action>
void for_each_word(const Dataset& dataset, const Indices& examples, Action action) {
  for (const auto e : examples) {
    const Example& example = dataset.examples[e];
    for (const auto& word : example.words) action(lower_case(word));
    if (!example.passage) continue;
    for (const auto& word : example.passage->words) action(lower_case(word));
  }
}

// What no training on split 0 can teach.
void show_unseen(const Dataset& dataset, const Split& split) {
  const auto taught = label_counts(dataset, split.train);
  std::set<std::string> vocabulary;
  for_each_word(dataset, split.train, [&](const std::string& word) { vocabulary.insert(word); });
  fmt::print("of split 0, training lacks\n");
  for (const auto& [name, side] : {std::pair("dev", &split.dev), std::pair("test", &split.test)}) {
    std::size_t words = 0, unseen = 0;
    for_each_word(dataset, *side, [&](const std::string& word) {
      ++words;
      unseen += !vocabulary.contains(word);
    });
    fmt::print("  {:<5} {} of {} words ({:.1f} %)", name, unseen, words, percent(unseen, words));
    auto counts = label_counts(dataset, *side);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (taught[i] > 0) counts[i] = 0;
    }
    const auto order = by_frequency(counts);
    fmt::print("; labels: {}", order.empty() ? "none" : "");
    for (std::size_t i = 0; i < order.size(); ++i) {
      fmt::print("{}{} ({})", i == 0 ? "" : ", ", dataset.labels[order[i]], counts[order[i]]);
    }
    fmt::print("\n");
  }
}

std::string shortened(std::vector<std::string> words) {
  const bool cut = words.size() > kMostWords;
  if (cut) words.resize(kMostWords);
  return fmt::format("{}{}", fmt::join(words, " "), cut ? " …" : "");
}

std::string label_name(const Dataset& dataset, std::int32_t label) {
  return label == kNoLabel ? "–" : dataset.labels[static_cast<std::size_t>(label)];
}

void show_example(const Dataset& dataset, const Example& example) {
  fmt::print("  {}\n", dataset.documents[example.document]);
  if (example.passage) {
    std::set<std::string> answers;
    for (const auto& answer : example.answers) answers.insert(answer.text);
    fmt::print("    question: {}\n    passage:  {}\n    answer:   {}\n", shortened(example.words),
               shortened(example.passage->words),
               answers.empty() ? "none" : fmt::format("{}", fmt::join(answers, " | ")));
    return;
  }
  const auto& tasks = dataset.tasks;
  std::vector<std::string> words = example.words;
  if (std::find(tasks.begin(), tasks.end(), "tagging") != tasks.end()) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      words[i] += "/" + label_name(dataset, example.labels.at(i));
    }
    fmt::print("    {}\n", shortened(words));
  } else if (example.labels.empty()) {
    fmt::print("    {}\n", shortened(words));
  } else {
    fmt::print("    {}: {}\n", label_name(dataset, example.labels[0]), shortened(words));
  }
}

void show_examples(const Dataset& dataset, const Indices& training) {
  fmt::print("examples of training\n");
  for (std::size_t i = 0; i < kExamples; ++i) {
    show_example(dataset, dataset.examples[training.at(i * training.size() / kExamples)]);
  }
}

}  // namespace

void show_dataset(const std::string& name_or_path) {
  const Dataset dataset = load_dataset(name_or_path);
  Indices all(dataset.examples.size());
  std::iota(all.begin(), all.end(), 0U);
  fmt::print("{}\n  for {}\n  licence: {}\n  cite: {}\n  digest: {}\n", dataset.name,
             fmt::join(dataset.tasks, ", "), dataset.licence, dataset.citation, dataset.digest);
  show_sides(dataset);
  show_labels(dataset, all);
  show_lengths(dataset);
  show_gaps(dataset);
  const Split split = split_documents(dataset, 0);  // says why where it cannot be trained on
  show_splits(dataset);
  show_unseen(dataset, split);
  show_examples(dataset, split.train);
}

}  // namespace posbench
