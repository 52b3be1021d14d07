// WordNet's glosses, to be sorted into its 45 lexicographer files (noun.animal, verb.motion, …).
//
// The text is the definition: the gloss up to its first quotation mark, where the usage examples
// begin. They name the lemma and quote people, which is another task.
//
// A document is a group of equal definitions: 'a city in Texas' defines many synsets, and with one
// of them among the training examples the others would be remembered, not understood.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unordered_map>

#include "dataset/reader.h"
#include "dataset/wordnet.h"

namespace posbench {
namespace {

Dataset read_wordnet_gloss(const std::vector<std::filesystem::path>& files,
                           const ReaderOptions& options) {
  Dataset dataset;
  dataset.labels = lexicographer_files();
  std::unordered_map<std::string, std::uint32_t> document_of_definition;
  const auto add = [&](const TextFile& text, const Synset& synset) {
    Example example;
    example.labels = {synset.lexicographer_file};
    example.words = gloss_words(synset.gloss.substr(0, synset.gloss.find('"')));
    if (example.words.empty()) text.fail("a gloss without a definition");
    const auto [known, is_new] =
        document_of_definition.emplace(fmt::format("{}", fmt::join(example.words, " ")),
                                       static_cast<std::uint32_t>(dataset.documents.size()));
    if (is_new) add_document(dataset, synset.name);
    example.document = known->second;
    dataset.examples.push_back(std::move(example));
  };
  for (const auto& file : files) each_synset(file, options.encoding(), add);
  return dataset;
}

const ReaderRegistration registration(
    {"wordnet_gloss", "WordNet's data files: glosses and their lexicographer files", {}},
    read_wordnet_gloss);

}  // namespace
}  // namespace posbench
