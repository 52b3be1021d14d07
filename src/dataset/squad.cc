// SQuAD v1.1 and v2.0 (Rajpurkar 2016, 2018): JSON of articles, their paragraphs, and questions
// with answers that begin at a code point of the paragraph. An article is a document.
//
// Words are BERT's, and an answer is the words that it touches; where it begins or ends inside one,
// the word is taken whole, while Answer::text stays what the source says.
#include <fmt/format.h>
#include <unicode/utf8.h>

#include <unordered_set>

#include "base/error.h"
#include "dataset/basic_tokens.h"
#include "dataset/reader.h"

namespace posbench {
namespace {
using nlohmann::json;

std::size_t occurrences(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos;
       at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

class SquadReader {
 public:
  SquadReader(std::filesystem::path file, const ReaderOptions& options, Dataset& dataset)
      : file_(std::move(file)),
        text_(read_text(file_, options.encoding())),
        unique_(options.get<bool>("unique_answers")),
        text_alone_(options.get<bool>("text")),
        dataset_(dataset) {}

  void read() {
    json whole;
    try {
      whole = json::parse(text_);
    } catch (const json::parse_error& error) {
      // The byte that could not be read counts from 1; what nlohmann says of it begins with its
      // own number of the error.
      const std::size_t at = error.byte == 0 ? 0 : error.byte - 1;
      fail_in_text(file_, text_, std::min(at, text_.size()), "this is no JSON, or it is cut off");
    } catch (const json::out_of_range& error) {
      // nlohmann tells no place, but quotes the number.
      const std::string what = error.what();
      const std::size_t first = what.find('\'') + 1;
      const std::string number = what.substr(first, what.rfind('\'') - first);
      const std::size_t at = text_.find(number);
      fail_in_text(file_, text_, at == std::string::npos ? 0 : at,
                   fmt::format("the number {} is too large", number));
    }
    for (const json& article : list(whole, "data", "")) {
      const bool titled = article.is_object() && article.contains("title");
      const std::string title = titled ? text(article, "title", "") : "";
      document_ = add_document(dataset_, title);
      for (const json& paragraph : list(article, "paragraphs", title))
        add_paragraph(paragraph, title);
    }
  }

 private:
  // Semantic errors stand where the question's id does, or the article's title.
  [[noreturn]] void fail(const std::string& near, const std::string& what) const {
    const std::size_t at = near.empty() ? std::string::npos : text_.find(json(near).dump());
    fail_in_text(file_, text_, at == std::string::npos ? 0 : at, what);
  }
  const json& list(const json& of, const char* key, const std::string& near) const {
    if (!of.is_object() || !of.contains(key) || !of.at(key).is_array()) {
      fail(near, fmt::format("no list '{}' where SQuAD has one", key));
    }
    return of.at(key);
  }
  std::string text(const json& of, const char* key, const std::string& near) const {
    if (!of.is_object() || !of.contains(key) || !of.at(key).is_string()) {
      fail(near, fmt::format("no text '{}' where SQuAD has one", key));
    }
    return of.at(key);
  }

  void add_paragraph(const json& paragraph, const std::string& title) {
    const std::string context = text(paragraph, "context", title);
    if (context.empty()) fail(title, "a paragraph without text");
    passage_ = std::make_shared<Passage>(basic_tokens(context, /*lower=*/false));
    if (text_alone_) {
      dataset_.examples.push_back({.words = passage_->words, .labels = {}, .document = document_});
      return;
    }
    offsets_.clear();
    for (std::size_t i = 0; i < context.size();) {
      offsets_.push_back(i);
      U8_FWD_1(context.data(), i, context.size());
    }
    offsets_.push_back(context.size());
    for (const json& question : list(paragraph, "qas", title)) add_question(question, title);
  }

  void add_question(const json& question, const std::string& title) {
    const std::string id = text(question, "id", title);
    if (!ids_.insert(id).second) fail(id, fmt::format("question '{}' comes twice", id));
    Example example;
    example.document = document_;
    example.words = basic_tokens(text(question, "question", id), /*lower=*/false).words;
    example.passage = passage_;
    const bool impossible = question.contains("is_impossible") && question["is_impossible"] == true;
    for (const json& answer : list(question, "answers", id)) {
      if (!impossible) example.answers.push_back(answer_of(answer, id));
    }
    if (example.answers.empty() && !impossible) {
      fail(id, fmt::format("question '{}' has no answer and is not marked is_impossible", id));
    }
    if (unique_ && !impossible && occurrences(passage_->text, example.answers.front().text) != 1) {
      ++dataset_.skipped["questions whose answer stands more than once in its paragraph"];
      return;
    }
    dataset_.examples.push_back(std::move(example));
  }

  Answer answer_of(const json& answer, const std::string& id) const {
    const std::string words = text(answer, "text", id);
    if (!answer.contains("answer_start") || !answer["answer_start"].is_number_unsigned()) {
      fail(id, fmt::format("question '{}': no number 'answer_start'", id));
    }
    const auto start = answer["answer_start"].get<std::size_t>();
    const std::size_t code_points = offsets_.size() - 1;
    if (start >= code_points) {
      fail(id, fmt::format("question '{}': the answer begins at code point {} of a paragraph of {}",
                           id, start, code_points));
    }
    const std::size_t begin = offsets_[start], end = begin + words.size();
    if (words.empty() || passage_->text.compare(begin, words.size(), words) != 0) {
      fail(id, fmt::format("question '{}': the answer '{}' does not stand at code point {}", id,
                           words, start));
    }
    Answer found{-1, -1, words};
    for (std::size_t i = 0; i < passage_->ranges.size(); ++i) {
      const ByteRange range = passage_->ranges[i];
      if (range.end <= begin || range.begin >= end) continue;
      if (found.first < 0) found.first = static_cast<std::int32_t>(i);
      found.last = static_cast<std::int32_t>(i);
    }
    if (found.first < 0) {
      fail(id, fmt::format("question '{}': there is no word in the answer '{}'", id, words));
    }
    return found;
  }

  std::filesystem::path file_;
  std::string text_;
  bool unique_;
  bool text_alone_;
  Dataset& dataset_;
  std::unordered_set<std::string> ids_;
  std::uint32_t document_ = 0;
  std::shared_ptr<const Passage> passage_;  // of the paragraph
  std::vector<std::size_t> offsets_;        // byte of each of its code points, and its end
};

Dataset read_squad(const std::vector<std::filesystem::path>& files, const ReaderOptions& options) {
  Dataset dataset;
  for (const auto& file : files) SquadReader(file, options, dataset).read();
  return dataset;
}

const ReaderRegistration registration(
    {"squad",
     "SQuAD v1.1 and v2.0 as JSON",
     {{"unique_answers", false,
       "only questions whose answer stands once in its paragraph; the others are counted"},
      {"text", false, "the paragraphs alone, for language models"}}},
    read_squad);

}  // namespace
}  // namespace posbench
