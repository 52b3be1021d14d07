// What predictors reach that are no encoders: the least that a task asks for.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "task/task.h"

namespace posbench {

struct BaselineAbout {
  std::string name;
  std::vector<std::string> tasks;  ///< that it can do
  std::string about;
};
const std::vector<BaselineAbout>& baselines();

/// Learns from the examples `training` and answers `asked`, in their order, a unit an answer;
/// Unit::loss is NaN. Throws UserError for an unknown baseline or one that cannot do the task.
///
///   majority          classification, tagging: the most frequent label
///   frequent_tag      tagging: the label that a lower-cased word has most often, of equals the
///                     one seen first; of an unknown word `nn` where there is such a label, else
///                     the most frequent
///   bag_of_words      classification: logistic regression on which lower-cased words occur (L2,
///                     C = 1, one class against the rest; LIBLINEAR, Fan 2008)
///   first_occurrence  span_qa: the first place whose words, up to five, were an answer in
///                     training, the longest of them; else the first word
std::vector<Unit> answer_by_baseline(const std::string& baseline, const std::string& task,
                                     const Dataset& dataset,
                                     std::span<const std::uint32_t> training,
                                     std::span<const std::uint32_t> asked);

}  // namespace posbench
