// The order diagnostics: sides, labels, and what a predictor reaches that cannot see order.
#include "dataset/order.h"

#include <algorithm>
#include <set>

#include "dataset_helpers.h"

namespace posbench {
namespace {
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

Dataset made(const std::string& reader, json options = json::object()) {
  if (!options.contains("train")) options.update({{"train", 60}, {"dev", 20}, {"test", 200}});
  return read_files(reader, {}, options);
}

const std::vector<std::pair<std::string, json>> kAll = {
    {"order_slot", {}},
    {"order_slot", {{"slot", 0}}},
    {"order_left", {}},
    {"order_shuffled", {}},
    {"order_swap", {}},
    {"order_recall", {}},
    {"order_copy", {}},
    {"order_copy", {{"reverse", true}}},
    {"order_recall", {{"distance", 2}}},
    {"order_parity", {{"vocabulary", 2}}},
    {"order_addition", {{"length", 6}, {"vocabulary", 10}}}};

json given(const json& options) { return options.is_null() ? json::object() : options; }

std::vector<std::uint32_t> examples_of(const Dataset& data, const std::string& side) {
  std::vector<std::uint32_t> all;
  for (std::uint32_t e = 0; e < data.examples.size(); ++e) {
    if (data.documents[data.examples[e].document] == side) all.push_back(e);
  }
  return all;
}

TEST(Order, SidesHaveTheirNumbersAndNothingInCommon) {
  for (const auto& [reader, options] : kAll) {
    const Dataset data = made(reader, given(options));
    EXPECT_THAT(data.documents,
                ElementsAre("train", "dev", "test", "test 1.25x", "test 1.5x", "test 2x"));
    EXPECT_EQ(examples_of(data, "train").size(), 60u) << reader;
    EXPECT_EQ(examples_of(data, "dev").size(), 20u);
    for (const char* side : {"test", "test 1.25x", "test 1.5x", "test 2x"}) {
      EXPECT_EQ(examples_of(data, side).size(), 200u);
    }
    std::set<std::vector<std::string>> texts;
    for (const Example& example : data.examples) {
      EXPECT_TRUE(texts.insert(example.words).second) << reader;
    }
  }
}

TEST(Order, LongerSidesAreLonger) {
  const Dataset data = made("order_slot", {{"train", 1000}, {"dev", 1}, {"test", 1000}});
  const auto lengths = [&](const std::string& side) {
    std::size_t shortest = 1000, longest = 0;
    for (const std::uint32_t e : examples_of(data, side)) {
      shortest = std::min(shortest, data.examples[e].words.size());
      longest = std::max(longest, data.examples[e].words.size());
    }
    return std::pair{shortest, longest};
  };
  EXPECT_EQ(lengths("train"), (std::pair<std::size_t, std::size_t>{17, 32}));
  EXPECT_EQ(lengths("test 1.25x"), (std::pair<std::size_t, std::size_t>{33, 40}));
  EXPECT_EQ(lengths("test 1.5x"), (std::pair<std::size_t, std::size_t>{41, 48}));
  EXPECT_EQ(lengths("test 2x"), (std::pair<std::size_t, std::size_t>{49, 64}));
}

TEST(Order, TheSeedDrawsAll) {
  for (const auto& [reader, options] : kAll) {
    json other = given(options);
    other["seed"] = 2;
    const Dataset a = made(reader, given(options)), b = made(reader, given(options)),
                  c = made(reader, other);
    bool differs = false;
    for (std::size_t e = 0; e < a.examples.size(); ++e) {
      EXPECT_EQ(a.examples[e].words, b.examples[e].words);
      EXPECT_EQ(a.examples[e].labels, b.examples[e].labels);
      differs = differs || a.examples[e].words != c.examples[e].words;
    }
    EXPECT_EQ(a.theory->chance, b.theory->chance);
    EXPECT_TRUE(differs) << reader;
  }
}

// The label by another way than the generator's.
std::string answer(const Dataset& data, const Example& example, std::size_t i) {
  return example.labels[i] == kNoLabel
             ? ""
             : data.labels.at(static_cast<std::size_t>(example.labels[i]));
}
int number_of(const std::string& word) { return std::stoi(word.substr(1)); }

TEST(Order, LabelsAreWhatTheyAskFor) {
  for (const Dataset data = made("order_slot"); const Example& e : data.examples) {
    EXPECT_EQ(answer(data, e, 0), e.words[5]);
  }
  for (const Dataset data = made("order_left"); const Example& e : data.examples) {
    for (std::size_t i = 0; i < e.words.size(); ++i) {
      EXPECT_EQ(answer(data, e, i), i < 3 ? "" : e.words[i - 3]);
    }
  }
  for (const Dataset data = made("order_shuffled"); const Example& e : data.examples) {
    bool rises = true;
    for (std::size_t i = 1; i < e.words.size(); ++i) {
      rises = rises && number_of(e.words[i - 1]) <= number_of(e.words[i]);
    }
    EXPECT_EQ(answer(data, e, 0), rises ? "in_order" : "shuffled");
  }
  for (const Dataset data = made("order_swap"); const Example& e : data.examples) {
    bool holds = true;
    for (std::size_t i = 1; i < e.words.size(); ++i) {
      const int step = (number_of(e.words[i]) - number_of(e.words[i - 1]) + 64) % 64;
      holds = holds && (step == 1 || step == 2);
    }
    EXPECT_EQ(answer(data, e, 0), holds ? "as_written" : "swapped");
  }
  for (const Dataset data = made("order_parity", {{"vocabulary", 2}});
       const Example& e : data.examples) {
    EXPECT_EQ(answer(data, e, 0),
              std::count(e.words.begin(), e.words.end(), "w0") % 2 == 1 ? "odd" : "even");
  }
}

TEST(Order, RecallAsksForTheValueBehindItsKey) {
  for (const int distance : {-1, 2}) {
    const Dataset data = made("order_recall", {{"distance", distance}});
    for (const Example& e : data.examples) {
      const std::string& key = e.words.back();
      const auto place = std::find(e.words.begin(), e.words.end(), key) - e.words.begin();
      EXPECT_EQ(std::count(e.words.begin(), e.words.end(), key), 2);
      EXPECT_EQ(answer(data, e, e.words.size() - 1), e.words[static_cast<std::size_t>(place) + 1]);
      if (distance >= 0) {
        EXPECT_EQ((e.words.size() - 1 - static_cast<std::size_t>(place)) / 2 - 1,
                  static_cast<std::size_t>(distance));
      }
    }
  }
}

TEST(Order, DecodersAreAskedForWhatComesNext) {
  for (const bool reverses : {false, true}) {
    const Dataset data = made("order_copy", {{"reverse", reverses}});
    for (const Example& e : data.examples) {
      const auto end = static_cast<std::size_t>(std::find(e.words.begin(), e.words.end(), "[=]") -
                                                e.words.begin());
      for (std::size_t i = 0; i < end; ++i) {
        EXPECT_EQ(e.labels[i], kNoLabel);
        EXPECT_EQ(answer(data, e, end + i), e.words[reverses ? end - 1 - i : i]);
        if (i > 0) {
          EXPECT_EQ(e.words[end + i], answer(data, e, end + i - 1));
        }
      }
    }
  }
  const Dataset sums = made("order_addition", {{"length", 6}, {"vocabulary", 10}});
  for (const Example& e : sums.examples) {
    const auto plus = std::find(e.words.begin(), e.words.end(), "[+]") - e.words.begin();
    const auto digits = static_cast<std::size_t>(plus);
    const auto value = [&](std::size_t first) {
      long number = 0;
      for (std::size_t i = digits; i-- > 0;) number = 10 * number + std::stol(e.words[first + i]);
      return number;
    };
    long sum = 0;
    for (std::size_t i = digits + 1; i-- > 0;) {
      sum = 10 * sum + std::stol(answer(sums, e, 2 * digits + 1 + i));
    }
    EXPECT_EQ(sum, value(0) + value(digits + 1));
  }
}

// Over all orders of the words that are as likely, the best guess that hangs on no order.
TEST(Order, ChanceIsThatOfAllOrders) {
  const json tiny = {{"length", 4}, {"vocabulary", 8}, {"train", 2},
                     {"dev", 2},    {"test", 5},       {"slot", 1}};
  const Dataset data = made("order_slot", tiny);
  double sum = 0;
  const auto test = examples_of(data, "test");
  for (const std::uint32_t e : test) {
    auto words = data.examples[e].words;
    std::sort(words.begin(), words.end());
    std::map<std::string, int> at_slot;
    int orders = 0;
    do {
      ++at_slot[words[1]];
      ++orders;
    } while (std::next_permutation(words.begin(), words.end()));
    int most = 0;
    for (const auto& [word, count] : at_slot) most = std::max(most, count);
    sum += static_cast<double>(most) / orders;
  }
  EXPECT_NEAR(data.theory->chance, sum / static_cast<double>(test.size()), 1e-12);
}

TEST(Order, ChanceOfNeighboursIsThatOfAllOrders) {
  const json tiny = {{"length", 4}, {"vocabulary", 8}, {"train", 2},
                     {"dev", 2},    {"test", 5},       {"distance", 1}};
  const Dataset data = made("order_left", tiny);
  double right = 0, asked = 0;
  for (const std::uint32_t e : examples_of(data, "test")) {
    const auto& words = data.examples[e].words;
    for (std::size_t i = 1; i < words.size(); ++i) {
      // Seen: the word itself and which others there are.
      auto order = words;
      std::sort(order.begin(), order.end());
      std::map<std::string, int> to_the_left;
      int orders = 0;
      do {
        if (order[i] != words[i]) continue;
        ++to_the_left[order[i - 1]];
        ++orders;
      } while (std::next_permutation(order.begin(), order.end()));
      int most = 0;
      for (const auto& [word, count] : to_the_left) most = std::max(most, count);
      right += static_cast<double>(most) / orders;
      ++asked;
    }
  }
  EXPECT_NEAR(data.theory->chance, right / asked, 1e-12);
}

// On many texts a blind guesser reaches chance, and nothing is left of chance where order is all.
TEST(Order, ChanceIsWhatABlindGuesserReaches) {
  EXPECT_EQ(made("order_shuffled").theory->chance, 0.5);
  EXPECT_EQ(made("order_swap").theory->chance, 0.5);
  EXPECT_EQ(made("order_parity", {{"vocabulary", 2}}).theory->chance, 1.0);
  const Dataset data =
      made("order_addition",
           {{"length", 6}, {"vocabulary", 10}, {"train", 10}, {"dev", 10}, {"test", 4000}});
  // What is seen -> how often each digit was next, on the test side itself: a guesser fitted to it
  // is better than chance by what it learned by heart, and not by more.
  std::map<std::string, std::map<std::string, int>> next;
  int asked = 0;
  for (const std::uint32_t e : examples_of(data, "test")) {
    const Example& example = data.examples[e];
    for (std::size_t i = 0; i < example.words.size(); ++i) {
      if (example.labels[i] == kNoLabel) continue;
      std::vector<std::string> seen(example.words.begin(),
                                    example.words.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      std::sort(seen.begin(), seen.end());
      std::string key;
      for (const auto& word : seen) key += word;
      ++next[key][answer(data, example, i)];
      ++asked;
    }
  }
  double right = 0;
  for (const auto& [key, counts] : next) {
    int most = 0;
    for (const auto& [digit, count] : counts) most = std::max(most, count);
    right += most;
  }
  EXPECT_GT(right / asked, data.theory->chance - 0.01);
  EXPECT_LT(data.theory->chance, 0.5);
  EXPECT_GT(data.theory->chance, 0.1);
}

TEST(Order, RefusesWhatCannotBeDrawn) {
  const auto error = [](const std::string& reader, const json& options) {
    return message_of<UserError>([&] { read_files(reader, {}, options); });
  };
  EXPECT_THAT(error("order_parity", {{"vocabulary", 2}, {"length", 4}}),
              HasSubstr("there are fewer than 20000 different examples of 3 to 4 words"));
  EXPECT_THAT(error("order_slot", {{"slot", 17}}), HasSubstr("slot is 17"));
  EXPECT_THAT(error("order_slot", {{"length", 2}, {"slot", 0}}), HasSubstr("length is 2"));
  for (const char* reader : {"order_slot", "order_left"}) {
    EXPECT_THAT(error(reader, {{"vocabulary", 63}, {"test", 1000}}),
                HasSubstr("vocabulary is 63; the words of a text must differ"));
  }
  EXPECT_THAT(error("order_addition", {{"length", 32}}), HasSubstr("the trained length is 6"));
}

}  // namespace
}  // namespace posbench
