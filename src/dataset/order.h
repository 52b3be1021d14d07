// Order diagnostics: data sets made up so that one kind of knowledge about order is asked for, and
// a predictor that sees which words there are, but not where, has a known score.
//
// Each is a reader without files. Words w0, w1, … are drawn anew for every example; lengths are
// uniform, from half the trained length to the whole for training, development and test, and longer
// on the sides "test 1.25x" (over 1 to 1.25 of the trained length), "test 1.5x" and "test 2x". No
// example stands on two sides.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "dataset/reader.h"

namespace posbench {

/// How many answers the best predictor that cannot see order gets right, and of how many.
struct BlindScore {
  double right;
  double asked;
};

struct OrderTask {
  /// An example of about that many words; label numbers come from `labels`.
  std::function<Example(Random& random, int length, LabelNumbers& labels)> draw;
  /// Of such an example, expected over all orders of its words that are as likely.
  std::function<BlindScore(const Example& example)> blind;
};

/// The options that all have: length (32), vocabulary (64 words), train (20000), dev (2000) and
/// test (10000, also of each longer side) examples, seed (1); and `more`.
std::vector<ReaderOption> order_options(std::vector<ReaderOption> more = {});

/// All sides; theory->chance is computed on the test side.
Dataset generate(const ReaderOptions& options, const OrderTask& task);

/// w<number>.
std::string order_word(std::uint64_t number);

/// That many words drawn uniformly from the vocabulary.
std::vector<std::string> draw_words(Random& random, int count, const ReaderOptions& options);

/// Numbers of that many words that all differ. So chance is one in so many: where words repeat, the
/// best blind guess is the most frequent of them, and an encoder that does not learn to count seems
/// to be worse than chance. Throws UserError if the vocabulary is too small.
std::vector<std::uint64_t> draw_different(Random& random, int count, const ReaderOptions& options);

/// Draws one of these words without seeing their order: the share of the most frequent.
double share_of_most_frequent(const std::vector<std::string>& words);

}  // namespace posbench
