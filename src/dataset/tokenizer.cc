#include "dataset/tokenizer.h"

#include "base/error.h"
#include "base/nearest.h"
#include "dataset/word_tokenizer.h"

namespace posbench {

std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerOptions& options, const Dataset& dataset,
                                          std::span<const std::uint32_t> training) {
  if (options.kind == "words") {
    return std::make_unique<WordTokenizer>(dataset, training, options.size);
  }
  if (options.kind == "word_features") {
    return std::make_unique<FeatureTokenizer>(dataset, training, options.size);
  }
  throw UserError(unknown_word("tokenizer", options.kind, {"words", "word_features"}));
}

}  // namespace posbench
