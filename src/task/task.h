// A task turns examples into labelled rows of a batch; the encoder's head and the training loop do
// the rest.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/vocabulary.h"
#include "encoder/encoder.h"

namespace posbench {

class Task {
 public:
  virtual ~Task() = default;

  /// Appends the example as one more sequence of at most `max_length` tokens (words beyond are cut
  /// off, alike for every arm of a system), with its labelled rows. The system says what stands
  /// around the words.
  virtual void append(const Example& example, const Vocabulary& vocabulary,
                      const EncoderSystem& system, int max_length, Batch& batch) const = 0;

  /// What "by position" means when the loss of labelled rows is broken down: the row's own
  /// position, or the length of its text.
  virtual bool by_length() const = 0;
};

struct TaskAbout {
  std::string name;
  std::string about;
};
std::vector<TaskAbout> tasks();

/// Throws UserError for an unknown name, naming the nearest.
std::unique_ptr<Task> make_task(const std::string& name);

/// A file of this folder registers its task with one static object.
struct TaskRegistration {
  TaskRegistration(const TaskAbout& about, std::unique_ptr<Task> (*make)());
};

/// Appends one token of a sequence.
void append_token(Batch& batch, std::int32_t token);

/// How many words of a text have room beside `others` tokens.
std::size_t room_for_words(const Example& example, int max_length, int others);

}  // namespace posbench
