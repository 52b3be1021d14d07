// Are two neighbours swapped? Classification. As written, the number of each word is that of the
// word before plus 1 or 2 (round the vocabulary); in half of the texts two neighbours have changed
// places, which breaks that rule at the step between them: backwards by 1 or 2. Which words there
// are says nothing.
#include "dataset/order.h"

namespace posbench {
namespace {

Dataset read_order_swap(const std::vector<std::filesystem::path>&, const ReaderOptions& options) {
  const auto vocabulary = options.get<std::uint64_t>("vocabulary");
  const auto draw = [&](Random& random, int length, LabelNumbers& labels) {
    Example example;
    std::uint64_t number = random.below(vocabulary);
    for (int i = 0; i < length; ++i) {
      example.words.push_back(order_word(number));
      number = (number + 1 + random.below(2)) % vocabulary;
    }
    const bool swaps = random.below(2) == 1;
    if (swaps) {
      const auto at = random.below(static_cast<std::uint64_t>(length - 1));
      std::swap(example.words[at], example.words[at + 1]);
    }
    example.labels = {labels.number(swaps ? "swapped" : "as_written")};
    return example;
  };
  const auto blind = [](const Example&) { return BlindScore{0.5, 1}; };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration(
    {"order_swap", "generated: have two neighbours of an ascending text changed places?",
     order_options()},
    read_order_swap);

}  // namespace
}  // namespace posbench
