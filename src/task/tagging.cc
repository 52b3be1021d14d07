// Sequence labelling: one label for every word.
#include "task/task.h"

namespace posbench {
namespace {

class Tagging : public Task {
 public:
  void append(const Example& example, const Vocabulary& vocabulary, const EncoderSystem& system,
              int max_length, Batch& batch) const override {
    const std::size_t n = room_for_words(example, max_length, system.has_delimiters ? 2 : 0);
    if (system.has_delimiters) append_token(batch, Vocabulary::kClassify);
    for (std::size_t i = 0; i < n; ++i) {
      batch.rows.push_back(static_cast<std::int32_t>(batch.tokens.size()));
      batch.labels.push_back(example.labels[i]);
      append_token(batch, vocabulary.id(example.words[i]));
    }
    if (system.has_delimiters) append_token(batch, Vocabulary::kSeparate);
    batch.offsets.push_back(static_cast<std::int32_t>(batch.tokens.size()));
  }

  bool by_length() const override { return false; }
};

const TaskRegistration registration({"tagging", "one label for every word; token accuracy"},
                                    []() -> std::unique_ptr<Task> {
                                      return std::make_unique<Tagging>();
                                    });

}  // namespace
}  // namespace posbench
