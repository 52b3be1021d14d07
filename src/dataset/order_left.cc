// Which word stands `distance` places to the left? Tagging; the first words of a text, which have
// none there, are not asked about.
//
// Whoever sees a word and which others there are must take each of the others to stand there with
// the same probability.
#include "dataset/order.h"

#include <algorithm>

namespace posbench {
namespace {

Dataset read_order_left(const std::vector<std::filesystem::path>&, const ReaderOptions& options) {
  const auto distance = options.get<std::size_t>("distance");
  const auto draw = [&](Random& random, int length, LabelNumbers& labels) {
    Example example;
    example.words = draw_words(random, length, options);
    for (std::size_t i = 0; i < example.words.size(); ++i) {
      example.labels.push_back(i < distance ? kNoLabel
                                            : labels.number(example.words[i - distance]));
    }
    return example;
  };
  const auto blind = [](const Example& example) {
    std::map<std::string, int> counts;
    for (const auto& word : example.words) ++counts[word];
    BlindScore score{0, 0};
    for (std::size_t i = 0; i < example.words.size(); ++i) {
      if (example.labels[i] == kNoLabel) continue;
      --counts[example.words[i]];
      const auto most = std::max_element(counts.begin(), counts.end(),
                                         [](auto& a, auto& b) { return a.second < b.second; });
      score.right +=
          static_cast<double>(most->second) / static_cast<double>(example.words.size() - 1);
      score.asked += 1;
      ++counts[example.words[i]];
    }
    return score;
  };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration(
    {"order_left", "generated: which word stands `distance` to the left of each?",
     order_options({{"distance", 3, "places to the left"}})},
    read_order_left);

}  // namespace
}  // namespace posbench
