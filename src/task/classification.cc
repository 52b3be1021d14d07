// Text classification: one label, read off a [CLS] token: in front of the text, as BERT does, and
// behind it where only the last token has seen all, as in the fine-tuning of GPT.
#include "task/task.h"

namespace posbench {
namespace {

class Classification : public Task {
 public:
  void append(const Example& example, const Vocabulary& vocabulary, const EncoderSystem& system,
              int max_length, Batch& batch) const override {
    const std::size_t n = room_for_words(example, max_length, system.has_delimiters ? 2 : 1);
    if (!system.causal) append_label(example, batch);
    for (std::size_t i = 0; i < n; ++i) append_token(batch, vocabulary.id(example.words[i]));
    if (system.causal) append_label(example, batch);
    if (system.has_delimiters) append_token(batch, Vocabulary::kSeparate);
    batch.offsets.push_back(static_cast<std::int32_t>(batch.tokens.size()));
  }

  bool by_length() const override { return true; }

 private:
  static void append_label(const Example& example, Batch& batch) {
    batch.rows.push_back(static_cast<std::int32_t>(batch.tokens.size()));
    batch.labels.push_back(example.labels.front());
    append_token(batch, Vocabulary::kClassify);
  }
};

const TaskRegistration registration({"classification",
                                     "one label for each text, read off [CLS]; accuracy"},
                                    []() -> std::unique_ptr<Task> {
                                      return std::make_unique<Classification>();
                                    });

}  // namespace
}  // namespace posbench
