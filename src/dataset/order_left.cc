// Which word stands `distance` places to the left? Tagging; the first words of a text, which have
// none there, are not asked about.
//
// The words of a text all differ: whoever sees a word and which others there are must take each of
// the others to stand there with the same probability.
#include "dataset/order.h"

namespace posbench {
namespace {

Dataset read_order_left(const std::vector<std::filesystem::path>&, const ReaderOptions& options) {
  const auto distance = options.get<std::size_t>("distance");
  const auto draw = [&](Random& random, int length, LabelNumbers& labels) {
    Example example;
    for (const auto number : draw_different(random, length, options)) {
      example.words.push_back(order_word(number));
    }
    for (std::size_t i = 0; i < example.words.size(); ++i) {
      example.labels.push_back(i < distance ? kNoLabel
                                            : labels.number(example.words[i - distance]));
    }
    return example;
  };
  const auto blind = [&](const Example& example) {
    const auto words = static_cast<double>(example.words.size());
    const double asked = words - static_cast<double>(distance);
    return BlindScore{asked / (words - 1), asked};
  };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration(
    {"order_left", "generated: which word stands `distance` to the left of each?",
     order_options({{"distance", 3, "places to the left"}})},
    read_order_left);

}  // namespace
}  // namespace posbench
