// For decoders: a text, [=], and the text again, forwards or backwards. Tagging: each word from [=]
// on is asked for the next one, as a causal language model is.
//
// Whoever sees only which words stood in the text and which came again since knows what is left,
// and takes each of it to be next with the same probability.
#include <algorithm>

#include "dataset/order.h"

namespace posbench {
namespace {

Dataset read_order_copy(const std::vector<std::filesystem::path>&, const ReaderOptions& options) {
  const bool reverses = options.get<bool>("reverse");
  const auto draw = [&](Random& random, int length, LabelNumbers& labels) {
    const auto text = draw_words(random, std::max(2, length / 2), options);
    auto again = text;
    if (reverses) std::reverse(again.begin(), again.end());
    Example example;
    example.words = text;
    example.labels.assign(text.size(), kNoLabel);
    example.words.push_back("[=]");
    for (const auto& word : again) {
      example.labels.push_back(labels.number(word));
      example.words.push_back(word);
    }
    example.words.pop_back();  // nothing is asked behind the last
    return example;
  };
  const auto blind = [](const Example& example) {
    const auto end = std::find(example.words.begin(), example.words.end(), "[=]");
    std::vector<std::string> left(example.words.begin(), end);
    BlindScore score{0, 0};
    for (auto word = end; word != example.words.end(); ++word) {
      if (word != end) left.erase(std::find(left.begin(), left.end(), *word));
      score.right += share_of_most_frequent(left);
      score.asked += 1;
    }
    return score;
  };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration(
    {"order_copy", "generated, for causal systems: a text and the same again",
     order_options({{"reverse", false, "the text comes again backwards"}})},
    read_order_copy);

}  // namespace
}  // namespace posbench
