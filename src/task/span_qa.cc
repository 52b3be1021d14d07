// Span question answering: [CLS] question [SEP] passage, and where in the passage the answer begins
// and ends, as in BERT's fine-tuning on SQuAD (Devlin 2019, §4.2 and §4.3). [CLS] stands for "no
// answer" where a data set has such questions. A passage too long is cut: an answer behind the cut
// is trained as no answer and counts as missed.
#include <algorithm>
#include <limits>

#include "task/scores.h"
#include "task/sequence.h"
#include "task/span.h"

namespace posbench {
namespace {

class SpanQa : public Task {
 public:
  void append(const Example& example, const TextContext& text, Random& noise,
              Batch& batch) const override {
    const SpecialTokens special = text.tokenizer.special();
    const auto first_candidate = static_cast<std::int32_t>(batch.rows.size());
    // Half of the rows at most are for the question.
    SequenceWriter question(text, noise, batch, text.max_length / 2);
    question.segment(0);
    batch.rows.push_back(question.token(special.classify));
    for (const auto& word : example.words) {
      if (question.word(word) < 0) break;
    }
    question.token(special.separate);
    SequenceWriter passage(text, noise, batch, text.system.has_delimiters ? 1 : 0);
    passage.segment(1);
    std::int32_t words = 0;
    for (const auto& word : example.passage->words) {
      const std::int32_t row = passage.word(word);
      if (row < 0) break;
      batch.rows.push_back(row);
      ++words;
    }
    if (text.system.has_delimiters) passage.token(special.separate);
    passage.finish();
    const bool answered = !example.answers.empty() && example.answers.front().last < words;
    const std::int32_t first = answered ? example.answers.front().first + 1 : 0;
    const std::int32_t last = answered ? example.answers.front().last + 1 : 0;
    batch.spans.push_back(first_candidate + first);
    batch.spans.push_back(first_candidate + last);
  }

  bool by_length() const override { return true; }
  int classes(const Dataset&, const Tokenizer&) const override { return 2; }
  std::string metric(const Dataset&) const override { return "f1"; }

  std::map<std::string, double> scores(const Dataset& dataset,
                                       const std::vector<Unit>& units) const override {
    double exact = 0, f1 = 0;
    for (const Unit& unit : units) {
      const SpanScore score = score_span(dataset.examples[unit.example], unit.guess, unit.last);
      exact += score.exact ? 1 : 0;
      f1 += score.f1;
    }
    const auto count = static_cast<double>(units.size());
    return {{"exact_match", exact / count}, {"f1", f1 / count}};
  }

  Quotient headline(const Dataset& dataset, std::span<const Unit> units) const override {
    Quotient f1{0, static_cast<double>(units.size())};
    for (const Unit& unit : units) {
      f1.sum += score_span(dataset.examples[unit.example], unit.guess, unit.last).f1;
    }
    return f1;
  }
};

const TaskRegistration registration(
    {"span_qa", "where a passage answers a question; exact match and F1 as SQuAD scores them"},
    []() -> std::unique_ptr<Task> { return std::make_unique<SpanQa>(); });

}  // namespace

std::string span_text(const Passage& passage, std::int32_t first, std::int32_t last) {
  if (first < 0) return "";
  const std::uint32_t begin = passage.ranges[static_cast<std::size_t>(first)].begin;
  const std::uint32_t end = passage.ranges[static_cast<std::size_t>(last)].end;
  return passage.text.substr(begin, end - begin);
}

SpanScore score_span(const Example& example, std::int32_t first, std::int32_t last) {
  const std::string guess = span_text(*example.passage, first, last);
  if (example.answers.empty()) return {guess.empty(), guess.empty() ? 1.0 : 0.0};
  SpanScore best{false, 0.0};
  for (const Answer& answer : example.answers) {
    best.exact = best.exact || squad_exact(guess, answer.text);
    best.f1 = std::max(best.f1, squad_f1(guess, answer.text));
  }
  return best;
}

SpanGuess best_span(const float* logits, std::size_t candidates, bool may_be_none) {
  // Start and end each by itself is quadratic in the passage; an answer is rarely longer.
  constexpr std::size_t kLongestAnswer = 30;
  SpanGuess best{-1, -1};
  float score = may_be_none ? logits[0] + logits[1] : -std::numeric_limits<float>::infinity();
  for (std::size_t first = 1; first < candidates; ++first) {
    for (std::size_t last = first; last < std::min(candidates, first + kLongestAnswer); ++last) {
      const float sum = logits[2 * first] + logits[2 * last + 1];
      if (!(sum > score)) continue;
      score = sum;
      best = {static_cast<std::int32_t>(first) - 1, static_cast<std::int32_t>(last) - 1};
    }
  }
  return best;
}

}  // namespace posbench
