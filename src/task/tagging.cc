// Sequence labelling: one label for every word that has one, read off the word's first token.
#include "task/scores.h"
#include "task/sequence.h"

namespace posbench {
namespace {

class Tagging : public Task {
 public:
  void append(const Example& example, const TextContext& text, Random& noise,
              Batch& batch) const override {
    const bool delimits = text.system.has_delimiters;
    const SpecialTokens special = text.tokenizer.special();
    SequenceWriter writer(text, noise, batch, delimits ? 1 : 0);
    if (delimits) writer.token(special.classify);
    for (std::size_t i = 0; i < example.words.size(); ++i) {
      const std::int32_t row = writer.word(example.words[i]);
      if (row < 0) break;
      if (example.labels[i] != kNoLabel) writer.label(row, example.labels[i]);
    }
    if (delimits) writer.token(special.separate);
    writer.finish();
  }

  bool by_length() const override { return false; }

  std::string metric(const Dataset& dataset) const override {
    return has_chunks(dataset.labels) ? "chunk_f1" : "accuracy";
  }

  std::map<std::string, double> scores(const Dataset& dataset,
                                       const std::vector<Unit>& units) const override {
    const Quotient right = Task::headline(dataset, units);
    std::map<std::string, double> all = {{"accuracy", right.sum / right.count}};
    if (!has_chunks(dataset.labels)) return all;
    const auto [gold, guess] = sentences(dataset, units);
    const ChunkScore chunks = chunk_f1(gold, guess);
    all["chunk_precision"] = chunks.precision;
    all["chunk_recall"] = chunks.recall;
    all["chunk_f1"] = chunks.f1;
    return all;
  }

  // F1 is twice the chunks in common over those of both.
  Quotient headline(const Dataset& dataset, std::span<const Unit> units) const override {
    if (!has_chunks(dataset.labels)) return Task::headline(dataset, units);
    const auto [gold, guess] = sentences(dataset, units);
    const ChunkCounts chunks = count_chunks(gold, guess);
    return {2 * chunks.common, chunks.right + chunks.guessed};
  }

 private:
  using Labels = std::vector<std::vector<std::string>>;  // by sentence

  // Gold and guess.
  static std::pair<Labels, Labels> sentences(const Dataset& dataset, std::span<const Unit> units) {
    Labels gold, guess;
    for (std::size_t i = 0; i < units.size(); ++i) {
      if (i == 0 || units[i].example != units[i - 1].example) {
        gold.emplace_back();
        guess.emplace_back();
      }
      gold.back().push_back(dataset.labels[static_cast<std::size_t>(units[i].label)]);
      guess.back().push_back(dataset.labels[static_cast<std::size_t>(units[i].guess)]);
    }
    return {gold, guess};
  }
};

const TaskRegistration registration(
    {"tagging", "one label for every word; accuracy, and F1 of chunks where labels are IOB2"},
    []() -> std::unique_ptr<Task> { return std::make_unique<Tagging>(); });

}  // namespace
}  // namespace posbench
