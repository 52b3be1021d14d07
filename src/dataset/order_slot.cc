// Which word stands at a certain place? Classification. Place 0 asks for the first word.
//
// The words of a text all differ and are drawn alike, so whoever sees only which words there are
// must take each of them to stand at that place with the same probability.
#include <fmt/format.h>

#include "base/error.h"
#include "dataset/order.h"

namespace posbench {
namespace {

Dataset read_order_slot(const std::vector<std::filesystem::path>&, const ReaderOptions& options) {
  const int slot = options.get<int>("slot");
  if (slot < 0 || slot > options.get<int>("length") / 2) {
    throw UserError(fmt::format("slot is {}; the shortest texts have places 0 to {}", slot,
                                options.get<int>("length") / 2));
  }
  const auto draw = [&](Random& random, int length, LabelNumbers& labels) {
    Example example;
    for (const auto number : draw_different(random, length, options)) {
      example.words.push_back(order_word(number));
    }
    example.labels = {labels.number(example.words[static_cast<std::size_t>(slot)])};
    return example;
  };
  const auto blind = [](const Example& example) {
    return BlindScore{1 / static_cast<double>(example.words.size()), 1};
  };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration({"order_slot",
                                       "generated: which word stands at place `slot`?",
                                       order_options({{"slot", 5, "the place asked for, from 0"}})},
                                      read_order_slot);

}  // namespace
}  // namespace posbench
