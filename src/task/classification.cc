// Text classification: one label, read off a [CLS] token: in front of the text, as BERT does, and
// behind it where only the last token has seen all, as in the fine-tuning of GPT.
#include "task/scores.h"
#include "task/sequence.h"

namespace posbench {
namespace {

class Classification : public Task {
 public:
  void append(const Example& example, const TextContext& text, Random& noise,
              Batch& batch) const override {
    const bool causal = text.system.causal;
    const SpecialTokens special = text.tokenizer.special();
    const auto ask = [&](SequenceWriter& writer) {
      writer.label(writer.token(special.classify), example.labels.front());
    };
    SequenceWriter writer(text, noise, batch,
                          (causal ? 1 : 0) + (text.system.has_delimiters ? 1 : 0));
    if (!causal) ask(writer);
    for (const auto& word : example.words) {
      if (writer.word(word) < 0) break;
    }
    if (causal) ask(writer);
    if (text.system.has_delimiters) writer.token(special.separate);
    writer.finish();
  }

  bool by_length() const override { return true; }

  std::map<std::string, double> scores(const Dataset& dataset,
                                       const std::vector<Unit>& units) const override {
    std::vector<std::int32_t> gold, guess;
    double correct = 0;
    for (const Unit& unit : units) {
      gold.push_back(unit.label);
      guess.push_back(unit.guess);
      correct += unit.correct ? 1 : 0;
    }
    return {{"accuracy", correct / static_cast<double>(units.size())},
            {"macro_f1", macro_f1(gold, guess, static_cast<int>(dataset.labels.size()))}};
  }
};

const TaskRegistration registration(
    {"classification", "one label for each text, read off [CLS]; accuracy, macro-averaged F1"},
    []() -> std::unique_ptr<Task> { return std::make_unique<Classification>(); });

}  // namespace
}  // namespace posbench
