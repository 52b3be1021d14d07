// Masked language modelling (Devlin 2019, §3.1): 15 % of the tokens are asked for, of which 80 %
// are read as [MASK], 10 % as a random token and 10 % as they are. Rows are running text.
#include <cmath>

#include "task/language.h"
#include "task/scores.h"
#include "task/sequence.h"

namespace posbench {
namespace {

constexpr double kAsked = 0.15, kMasked = 0.8, kRandom = 0.1;

class MaskedLm : public Task {
 public:
  void append(const Example& row, const TextContext& text, Random& noise,
              Batch& batch) const override {
    const Tokenizer& tokenizer = text.tokenizer;
    SequenceWriter writer(text, noise, batch, 0);
    std::vector<std::int32_t> tokens;
    for (const auto& word : row.words) append_row_tokens(tokenizer, word, tokens);
    cut_row(tokens, text);
    // A row with nothing asked teaches nothing, and a batch of it has no loss.
    const std::uint64_t at_least = noise.below(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool asked = noise.uniform() < kAsked || i == at_least;
      const std::int32_t at = writer.token(asked ? seen(tokens[i], tokenizer, noise) : tokens[i]);
      if (asked) writer.label(at, tokens[i]);
    }
    writer.finish();
  }

  bool by_length() const override { return false; }
  int classes(const Dataset&, const Tokenizer& tokenizer) const override {
    return static_cast<int>(tokenizer.tokens());
  }
  std::string metric(const Dataset&) const override { return "loss"; }

  std::map<std::string, double> scores(const Dataset&,
                                       const std::vector<Unit>& units) const override {
    const Quotient nats = sum_of_nats(units), right = Task::headline({}, units);
    return {{"accuracy", right.sum / right.count},
            {"perplexity", perplexity(nats.sum / nats.count)}};
  }

  Quotient headline(const Dataset&, std::span<const Unit> units) const override {
    return sum_of_nats(units);
  }

  void reshape(Dataset& dataset, Split& split, const Tokenizer& tokenizer,
               const RowOptions& options) const override {
    make_rows(dataset, split, tokenizer, options);
  }

 private:
  static std::int32_t seen(std::int32_t token, const Tokenizer& tokenizer, Random& noise) {
    const double what = noise.uniform();
    if (what < kMasked) return tokenizer.special().mask;
    if (what >= kMasked + kRandom) return token;
    return static_cast<std::int32_t>(noise.below(tokenizer.tokens()));
  }
};

const TaskRegistration registration(
    {"masked_lm", "15 % of the tokens of running text are hidden; loss in nats, accuracy"},
    []() -> std::unique_ptr<Task> { return std::make_unique<MaskedLm>(); });

}  // namespace
}  // namespace posbench
