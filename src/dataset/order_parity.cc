// Is the number of w0 in the text odd? Classification. The control: words are w0 or w1, which of
// them there are says all, and where they stand nothing; no encoding may do better than `none` for
// knowing places.
#include <algorithm>

#include "dataset/order.h"

namespace posbench {
namespace {

Dataset read_order_parity(const std::vector<std::filesystem::path>&, const ReaderOptions& options) {
  const auto draw = [&](Random& random, int length, LabelNumbers& labels) {
    Example example;
    example.words = draw_words(random, length, options);
    const auto zeros = std::count(example.words.begin(), example.words.end(), "w0");
    example.labels = {labels.number(zeros % 2 == 1 ? "odd" : "even")};
    return example;
  };
  const auto blind = [](const Example&) { return BlindScore{1, 1}; };
  return generate(options, {draw, blind});
}

const ReaderRegistration registration({"order_parity",
                                       "generated: is the number of w0 odd? Places do not matter",
                                       order_options()},
                                      read_order_parity);

}  // namespace
}  // namespace posbench
