#include "dataset/tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/nearest.h"
#include "dataset/subword_tokenizer.h"
#include "dataset/word_tokenizer.h"

namespace posbench {

std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerOptions& options, const Dataset& dataset,
                                          std::span<const std::uint32_t> training) {
  if (!options.file.empty() && options.kind != "wordpiece") {
    throw UserError(fmt::format(
        "tokenizer {} learns from the data; a vocabulary file is for wordpiece", options.kind));
  }
  if (options.kind == "words") {
    return std::make_unique<WordTokenizer>(dataset, training, options.size);
  }
  if (options.kind == "word_features") {
    return std::make_unique<FeatureTokenizer>(dataset, training, options.size);
  }
  if (options.kind == "bpe") return std::make_unique<BpeTokenizer>(dataset, training, options.size);
  if (options.kind == "wordpiece") {
    if (!options.file.empty()) return std::make_unique<WordPieceTokenizer>(options.file);
    return std::make_unique<WordPieceTokenizer>(dataset, training, options.size);
  }
  throw UserError(
      unknown_word("tokenizer", options.kind, {"words", "word_features", "bpe", "wordpiece"}));
}

}  // namespace posbench
