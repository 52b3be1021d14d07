// Text classification: one label, read off a [CLS] token in front of the text, as BERT does.
#include <algorithm>

#include "task/task.h"

namespace posbench {
namespace {

class Classification : public Task {
 public:
  void append(const Example& example, const Vocabulary& vocabulary, int max_length,
              Batch& batch) const override {
    batch.rows.push_back(static_cast<std::int32_t>(batch.tokens.size()));
    batch.labels.push_back(example.labels.front());
    append_token(batch, Vocabulary::kClassify);
    const std::size_t n = std::min(example.words.size(), static_cast<std::size_t>(max_length - 1));
    for (std::size_t i = 0; i < n; ++i) append_token(batch, vocabulary.id(example.words[i]));
    batch.offsets.push_back(static_cast<std::int32_t>(batch.tokens.size()));
  }

  bool by_length() const override { return true; }
};

const TaskRegistration registration({"classification",
                                     "one label for each text, read off [CLS]; accuracy"},
                                    []() -> std::unique_ptr<Task> {
                                      return std::make_unique<Classification>();
                                    });

}  // namespace
}  // namespace posbench
