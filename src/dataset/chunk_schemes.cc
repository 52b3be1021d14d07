#include "dataset/chunk_schemes.h"

#include <fmt/format.h>

namespace posbench {
namespace {

struct Label {
  char mark;  // B, I, O, M, E or S
  std::string_view type;
};

Label parse(const std::vector<std::string>& labels, std::size_t word, std::string_view marks) {
  const std::string_view label = labels[word];
  if (label == "O") return {'O', ""};
  const bool has_type = label.size() > 2 && label[1] == '-';
  if (!has_type || marks.find(label[0]) == std::string_view::npos) {
    throw SchemeError{word, fmt::format("label '{}' is neither O nor one of {} with - and a type",
                                        label, fmt::format("{}", marks))};
  }
  return {label[0], label.substr(2)};
}

// A scheme without ends: what makes a label begin a chunk.
std::vector<std::string> from_iob(const std::vector<std::string>& labels, bool is_iob1) {
  std::vector<std::string> iob2;
  Label before{'O', ""};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const Label label = parse(labels, i, "BI");
    const bool goes_on = before.mark != 'O' && before.type == label.type;
    if (!is_iob1 && label.mark == 'I' && !goes_on) {
      throw SchemeError{i, fmt::format("'{}' goes on with a chunk that did not begin; in IOB2 each "
                                       "begins with B- (is the file IOB1?)",
                                       labels[i])};
    }
    if (is_iob1 && label.mark == 'B' && !goes_on) {
      throw SchemeError{i, fmt::format("'{}' begins a chunk that touches none of its type; IOB1 "
                                       "writes I- there (is the file IOB2?)",
                                       labels[i])};
    }
    const bool begins = label.mark == 'B' || !goes_on;
    iob2.push_back(label.mark == 'O' ? "O" : fmt::format("{}-{}", begins ? 'B' : 'I', label.type));
    before = label;
  }
  return iob2;
}

// A scheme in which every chunk of two words and more has an end.
std::vector<std::string> from_ends(const std::vector<std::string>& labels, char middle) {
  std::vector<std::string> iob2;
  std::string_view open;  // type of the chunk that has not ended
  const std::string marks = fmt::format("B{}ES", middle);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const Label label = parse(labels, i, marks);
    const bool goes_on = label.mark == middle || label.mark == 'E';
    if (goes_on && open != label.type) {
      throw SchemeError{i, fmt::format("'{}' goes on with a chunk that did not begin", labels[i])};
    }
    if (!goes_on && !open.empty()) {
      throw SchemeError{
          i, fmt::format("'{}' stands inside a chunk {} that has no end", labels[i], open)};
    }
    iob2.push_back(label.mark == 'O' ? "O" : fmt::format("{}-{}", goes_on ? 'I' : 'B', label.type));
    open = label.mark == 'B' || label.mark == middle ? label.type : std::string_view();
  }
  if (!open.empty()) {
    throw SchemeError{labels.size() - 1,
                      fmt::format("the sentence ends inside a chunk {} that has no end", open)};
  }
  return iob2;
}

}  // namespace

std::vector<std::string> to_iob2(const std::vector<std::string>& labels, std::string_view scheme) {
  if (scheme == "bmes") return from_ends(labels, 'M');
  if (scheme == "bioes") return from_ends(labels, 'I');
  return from_iob(labels, scheme == "iob1");
}

}  // namespace posbench
