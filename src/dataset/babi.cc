// bAbI (Weston 2015): numbered sentences of a story with questions among them, each with its answer
// and the numbers of the sentences that it follows from. A number 1 begins a new story.
//
// As span question answering: the passage is the story so far, the answer the last place where its
// word stands in a sentence that it follows from, or else in the story. A question whose answer is
// no word of its story is left out and counted. A story is a document.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "dataset/basic_tokens.h"
#include "dataset/reader.h"

namespace posbench {
namespace {

struct Sentence {
  int number;
  std::vector<std::string> words;
};

int number_at(const TextFile& text, std::string_view piece) {
  int number = 0;
  const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), number);
  if (piece.empty() || error != std::errc{} || end != piece.data() + piece.size() || number < 1) {
    text.fail(piece, fmt::format("'{}' is no number of a sentence", piece));
  }
  return number;
}

class Story {
 public:
  void add(int number, std::string_view sentence) {
    if (!text_.empty()) text_ += ' ';
    text_ += sentence;
    sentences_.push_back({number, basic_tokens(sentence, /*lower=*/false).words});
  }

  // Empty answers where the answer does not stand in the story.
  Example ask(std::string_view question, std::string_view answer,
              const std::vector<int>& facts) const {
    Example example;
    example.words = basic_tokens(question, /*lower=*/false).words;
    example.passage = std::make_shared<Passage>(basic_tokens(text_, /*lower=*/false));
    std::int32_t at = -1, in_fact = -1, word_number = 0;
    for (const Sentence& sentence : sentences_) {
      const bool is_fact = std::count(facts.begin(), facts.end(), sentence.number) > 0;
      for (const auto& word : sentence.words) {
        if (lower_case(word) == lower_case(answer)) {
          at = word_number;
          if (is_fact) in_fact = word_number;
        }
        ++word_number;
      }
    }
    if (in_fact >= 0) at = in_fact;
    if (at >= 0) {
      example.answers = {{at, at, example.passage->words[static_cast<std::size_t>(at)]}};
    }
    return example;
  }

  int last_number() const { return last_; }
  void note(int number) { last_ = number; }

 private:
  std::string text_;
  std::vector<Sentence> sentences_;
  int last_ = 0;
};

Dataset read_babi(const std::vector<std::filesystem::path>& files, const ReaderOptions& options) {
  Dataset dataset;
  for (const auto& file : files) {
    TextFile text(file, options.encoding());
    Story story;
    std::uint32_t document = 0;
    for (std::string_view line; text.next(line);) {
      if (line.empty()) continue;
      const std::size_t blank = std::min(line.find(' '), line.size());
      const int number = number_at(text, line.substr(0, blank));
      std::string_view rest = line.substr(std::min(line.size(), blank + 1));
      if (number == 1) {
        story = {};
        document = add_document(dataset,
                                fmt::format("{}:{}", file.filename().string(), text.line_number()));
      } else if (number != story.last_number() + 1) {
        text.fail(line, fmt::format("sentence {} behind sentence {}", number, story.last_number()));
      }
      story.note(number);
      const std::size_t tab = rest.find('\t');
      if (tab == std::string_view::npos) {
        if (rest.find_first_not_of(' ') == std::string_view::npos) {
          text.fail(line, "a number without a sentence");
        }
        story.add(number, rest);
        continue;
      }
      const std::size_t second = rest.find('\t', tab + 1);
      if (second == std::string_view::npos) {
        text.fail(rest.substr(tab), "a question takes: question, tab, answer, tab, sentences");
      }
      const std::string_view answer = rest.substr(tab + 1, second - tab - 1);
      std::vector<int> facts;
      for (const auto piece : split_blanks(rest.substr(second + 1))) {
        facts.push_back(number_at(text, piece));
      }
      if (answer.empty()) text.fail(rest.substr(tab), "a question without an answer");
      Example example = story.ask(rest.substr(0, tab), answer, facts);
      if (example.answers.empty()) {
        ++dataset.skipped["questions whose answer is no word of the story"];
        continue;
      }
      example.document = document;
      dataset.examples.push_back(std::move(example));
    }
  }
  return dataset;
}

const ReaderRegistration registration({"babi", "bAbI's stories as span question answering", {}},
                                      read_babi);

}  // namespace
}  // namespace posbench
