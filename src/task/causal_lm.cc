// Causal language modelling: every token of running text from those before it. A row begins with
// [CLS], which asks for its first token.
#include <fmt/format.h>

#include "base/error.h"
#include "task/language.h"
#include "task/scores.h"
#include "task/sequence.h"

namespace posbench {
namespace {

class CausalLm : public Task {
 public:
  void append(const Example& row, const TextContext& text, Random& noise,
              Batch& batch) const override {
    SequenceWriter writer(text, noise, batch, 0);
    std::vector<std::int32_t> tokens;
    for (const auto& word : row.words) append_row_tokens(text.tokenizer, word, tokens);
    cut_row(tokens, text);
    std::int32_t before = text.tokenizer.special().classify;
    for (const std::int32_t token : tokens) {
      writer.label(writer.token(before), token);
      before = token;
    }
    writer.finish();
  }

  bool by_length() const override { return false; }
  int classes(const Dataset&, const Tokenizer& tokenizer) const override {
    return static_cast<int>(tokenizer.tokens());
  }
  std::string metric(const Dataset&) const override { return "loss"; }

  // Bits per byte of the text as the tokenizer sees it: an unknown word costs what guessing
  // "unknown" costs, so the figure is a lower bound where a tokenizer knows whole words only.
  std::map<std::string, double> scores(const Dataset& dataset,
                                       const std::vector<Unit>& units) const override {
    const Quotient nats = sum_of_nats(units), right = Task::headline({}, units);
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < units.size(); ++i) {
      if (i == 0 || units[i].example != units[i - 1].example) {
        bytes += text_bytes(dataset.examples[units[i].example]);
      }
    }
    return {{"accuracy", right.sum / right.count},
            {"perplexity", perplexity(nats.sum / nats.count)},
            {"bits_per_byte", bits_per_byte(nats.sum, bytes)}};
  }

  Quotient headline(const Dataset&, std::span<const Unit> units) const override {
    return sum_of_nats(units);
  }

  void reshape(Dataset& dataset, Split& split, const Tokenizer& tokenizer,
               const RowOptions& options) const override {
    make_rows(dataset, split, tokenizer, options);
  }

  void require_possible(const EncoderSystem& system) const override {
    if (system.causal) return;
    throw UserError(fmt::format(
        "task causal_lm needs a system whose queries see no later key, such as gpt; {} sees all",
        system.name));
  }
};

const TaskRegistration registration(
    {"causal_lm", "the next token of running text; perplexity, bits per byte; causal systems"},
    []() -> std::unique_ptr<Task> { return std::make_unique<CausalLm>(); });

}  // namespace
}  // namespace posbench
