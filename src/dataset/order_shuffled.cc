// Do the words stand in the order of their numbers, or shuffled? Classification; half of the texts
// each, and which words there are says nothing.
#include <algorithm>

#include "dataset/order.h"

namespace posbench {
namespace {

Dataset read_order_shuffled(const std::vector<std::filesystem::path>&,
                            const ReaderOptions& options) {
  const auto vocabulary = options.get<std::uint64_t>("vocabulary");
  const auto draw = [&](Random& random, int length, LabelNumbers& labels) {
    std::vector<std::uint64_t> numbers;
    for (int i = 0; i < length; ++i) numbers.push_back(random.below(vocabulary));
    std::sort(numbers.begin(), numbers.end());
    const bool shuffles = random.below(2) == 1 && numbers.front() != numbers.back();
    while (shuffles && std::is_sorted(numbers.begin(), numbers.end())) {
      random.shuffle(std::span(numbers));
    }
    Example example;
    for (const std::uint64_t number : numbers) example.words.push_back(order_word(number));
    example.labels = {labels.number(shuffles ? "shuffled" : "in_order")};
    return example;
  };
  const auto blind = [](const Example&) { return BlindScore{0.5, 1}; };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration(
    {"order_shuffled", "generated: are the words in the order of their numbers, or shuffled?",
     order_options()},
    read_order_shuffled);

}  // namespace
}  // namespace posbench
