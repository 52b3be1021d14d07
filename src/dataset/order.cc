#include "dataset/order.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "base/error.h"

namespace posbench {
namespace {

struct GeneratedSide {
  std::string name;
  Side side;
  std::string count;   // option that says how many examples
  double least, most;  // length over the trained length; `least` itself is not reached
};

const GeneratedSide kSides[] = {
    {"train", Side::train, "train", 0.5, 1},        {"dev", Side::dev, "dev", 0.5, 1},
    {"test", Side::test, "test", 0.5, 1},           {"test 1.25x", Side::longer, "test", 1, 1.25},
    {"test 1.5x", Side::longer, "test", 1.25, 1.5}, {"test 2x", Side::longer, "test", 1.5, 2},
};

// More tries than this for an example that is new: there are too few different ones.
constexpr int kTries = 1000;

}  // namespace

std::vector<ReaderOption> order_options(std::vector<ReaderOption> more) {
  std::vector<ReaderOption> options = {
      {"length", 32, "words of the longest text of training"},
      {"vocabulary", 64, "different words"},
      {"train", 20000, "examples to train on"},
      {"dev", 2000, "examples of the development side"},
      {"test", 10000, "examples of the test side, and of each of longer texts"},
      {"seed", 1, "of everything that is drawn"}};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

Dataset generate(const ReaderOptions& options, const OrderTask& task) {
  const int length = options.get<int>("length");
  if (length < 4) throw UserError(fmt::format("length is {}; it must be at least 4", length));
  Dataset dataset;
  LabelNumbers labels;
  std::unordered_set<std::string> seen;
  BlindScore blind{0, 0};
  for (const GeneratedSide& side : kSides) {
    Random random(options.get<std::uint64_t>("seed"), side.name);
    const std::uint32_t document = add_document(dataset, side.name);
    dataset.sides.push_back(side.side);
    const int least = static_cast<int>(side.least * length) + 1;
    const int most = std::max(least, static_cast<int>(side.most * length));
    for (int left = options.get<int>(side.count); left > 0; --left) {
      Example example;
      int tries = 0;
      do {
        if (++tries > kTries) {
          throw UserError(fmt::format(
              "there are fewer than {} different examples of {} to {} words for side {}; make the "
              "vocabulary or the length larger, or ask for fewer",
              options.get<int>(side.count), least, most, side.name));
        }
        const int choices = most - least + 1;
        example = task.draw(
            random, least + static_cast<int>(random.below(static_cast<std::uint64_t>(choices))),
            labels);
      } while (!seen.insert(fmt::format("{}", fmt::join(example.words, " "))).second);
      example.document = document;
      if (side.side == Side::test) {
        const BlindScore score = task.blind(example);
        blind.right += score.right;
        blind.asked += score.asked;
      }
      dataset.examples.push_back(std::move(example));
    }
  }
  labels.finish(dataset);
  dataset.theory = Theory{.chance = blind.right / blind.asked, .allowed = {}, .reason = ""};
  return dataset;
}

std::string order_word(std::uint64_t number) { return fmt::format("w{}", number); }

std::vector<std::string> draw_words(Random& random, int count, const ReaderOptions& options) {
  const auto vocabulary = options.get<std::uint64_t>("vocabulary");
  std::vector<std::string> words;
  for (int i = 0; i < count; ++i) words.push_back(order_word(random.below(vocabulary)));
  return words;
}

std::vector<std::uint64_t> draw_different(Random& random, int count, const ReaderOptions& options) {
  const auto vocabulary = options.get<std::uint64_t>("vocabulary");
  const auto wanted = static_cast<std::uint64_t>(count);
  if (vocabulary < wanted) {
    throw UserError(fmt::format(
        "vocabulary is {}; the words of a text must differ, and the longest have twice the trained "
        "length: make it at least {}, or the length smaller",
        vocabulary, 2 * options.get<int>("length")));
  }
  std::vector<std::uint64_t> numbers(vocabulary);
  std::iota(numbers.begin(), numbers.end(), std::uint64_t{0});
  random.shuffle(std::span(numbers));
  numbers.resize(wanted);
  return numbers;
}

double share_of_most_frequent(const std::vector<std::string>& words) {
  std::map<std::string, int> counts;
  int most = 0;
  for (const auto& word : words) most = std::max(most, ++counts[word]);
  return static_cast<double>(most) / static_cast<double>(words.size());
}

}  // namespace posbench
