// Key-value recall: pairs of a key and a value, then one of the keys; which value followed it?
// Tagging of the last word alone, so that a causal system can answer too. Keys of a text differ, so
// the key asked for is the one that stands there twice; values differ too, and any of them may be
// its own.
// `distance` pairs lie between the pair asked for and the end; −1: any number.
#include <fmt/format.h>

#include <algorithm>

#include "dataset/order.h"

namespace posbench {
namespace {

Dataset read_order_recall(const std::vector<std::filesystem::path>&, const ReaderOptions& options) {
  const int distance = options.get<int>("distance");
  const auto draw = [&](Random& random, int length, LabelNumbers& labels) {
    const std::size_t pairs = std::max<std::size_t>(2, static_cast<std::size_t>(length) / 2);
    const auto keys = draw_different(random, static_cast<int>(pairs), options);
    const auto values = draw_different(random, static_cast<int>(pairs), options);
    Example example;
    for (std::size_t i = 0; i < pairs; ++i) {
      example.words.push_back(fmt::format("k{}", keys[i]));
      example.words.push_back(order_word(values[i]));
    }
    const std::size_t back = distance < 0 ? random.below(pairs)
                                          : std::min(pairs - 1, static_cast<std::size_t>(distance));
    const std::size_t asked = pairs - 1 - back;
    example.labels.assign(2 * pairs + 1, kNoLabel);
    example.labels.back() = labels.number(example.words[2 * asked + 1]);
    example.words.push_back(example.words[2 * asked]);
    return example;
  };
  const auto blind = [](const Example& example) {
    const std::size_t pairs = example.words.size() / 2;
    return BlindScore{1 / static_cast<double>(pairs), 1};
  };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration(
    {"order_recall", "generated: key value key value … key: which value followed it?",
     order_options({{"distance", -1, "pairs between the one asked for and the end; -1: any"}})},
    read_order_recall);

}  // namespace
}  // namespace posbench
