// Span question answering made from WordNet: the question is a definition, the passage a usage
// example that WordNet quotes for it, the answer the word defined, as it stands in the example.
//
// An example is kept where one of the synset's lemmas stands in it exactly once, as whole words, in
// any case, and where it has four words or more; the others are counted. Examples of one definition
// are a document.
#include <algorithm>

#include "dataset/basic_tokens.h"
#include "dataset/reader.h"
#include "dataset/wordnet.h"

namespace posbench {
namespace {

constexpr std::size_t kShortest = 4;

std::vector<std::string> lower_words(const std::vector<std::string>& words) {
  std::vector<std::string> lower;
  for (const auto& word : words) lower.push_back(lower_case(word));
  return lower;
}

// Where `lemma` stands in `words`, if it does once; else an answer with first = -1.
Answer only_place(const std::vector<std::string>& words, const std::string& lemma) {
  const auto wanted = lower_words(basic_tokens(lemma, /*lower=*/false).words);
  Answer found{-1, -1, ""};
  if (wanted.empty()) return found;
  for (std::size_t i = 0; i + wanted.size() <= words.size(); ++i) {
    if (!std::equal(wanted.begin(), wanted.end(), words.begin() + static_cast<std::ptrdiff_t>(i))) {
      continue;
    }
    if (found.first >= 0) return {-1, -1, ""};
    found.first = static_cast<std::int32_t>(i);
    found.last = static_cast<std::int32_t>(i + wanted.size() - 1);
  }
  return found;
}

// What stands between pairs of quotation marks.
std::vector<std::string_view> quoted(std::string_view gloss) {
  std::vector<std::string_view> pieces;
  while (true) {
    const std::size_t begin = gloss.find('"');
    if (begin == std::string_view::npos) return pieces;
    const std::size_t end = gloss.find('"', begin + 1);
    if (end == std::string_view::npos) return pieces;
    pieces.push_back(gloss.substr(begin + 1, end - begin - 1));
    gloss.remove_prefix(end + 1);
  }
}

class SpanReader {
 public:
  void add(const Synset& synset) {
    const auto examples = quoted(synset.gloss);
    if (examples.empty()) return;
    const std::string_view definition = synset.gloss.substr(0, synset.gloss.find('"'));
    const auto question = basic_tokens(definition, /*lower=*/false).words;
    bool has_document = false;
    for (const auto piece : examples) {
      auto passage = std::make_shared<Passage>(basic_tokens(piece, /*lower=*/false));
      const auto words = lower_words(passage->words);
      Answer answer{-1, -1, ""};
      for (std::size_t i = 0; i < synset.lemmas.size() && answer.first < 0; ++i) {
        answer = only_place(words, synset.lemmas[i]);
      }
      if (answer.first < 0) {
        ++dataset_.skipped["usage examples without one place of a lemma"];
      } else if (words.size() < kShortest) {
        ++dataset_.skipped["usage examples of fewer than 4 words"];
      } else {
        if (!has_document) document_ = add_document(dataset_, synset.name);
        has_document = true;
        const std::uint32_t begin = passage->ranges[static_cast<std::size_t>(answer.first)].begin;
        const std::uint32_t end = passage->ranges[static_cast<std::size_t>(answer.last)].end;
        answer.text = passage->text.substr(begin, end - begin);
        Example example;
        example.words = question;
        example.document = document_;
        example.passage = std::move(passage);
        example.answers = {std::move(answer)};
        dataset_.examples.push_back(std::move(example));
      }
    }
  }
  Dataset finish() { return std::move(dataset_); }

 private:
  Dataset dataset_;
  std::uint32_t document_ = 0;
};

Dataset read_wordnet_span(const std::vector<std::filesystem::path>& files,
                          const ReaderOptions& options) {
  SpanReader reader;
  for (const auto& file : files) {
    each_synset(file, options.encoding(),
                [&](const TextFile&, const Synset& synset) { reader.add(synset); });
  }
  return reader.finish();
}

const ReaderRegistration registration(
    {"wordnet_span", "WordNet's data files: where in a usage example stands what is defined?", {}},
    read_wordnet_span);

}  // namespace
}  // namespace posbench
