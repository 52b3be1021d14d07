// A data set as every task sees it: examples of words with labels, and the documents they come
// from.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace posbench {

/// Of a word that has no label: it is read, and nothing is asked about it.
constexpr std::int32_t kNoLabel = -1;

/// Bytes [begin, end) of a text.
struct ByteRange {
  std::uint32_t begin, end;
};

/// A text and its words, each of which knows where it stands.
struct Passage {
  std::string text;
  std::vector<std::string> words;
  std::vector<ByteRange> ranges;  ///< of each word in the text, ascending
};

/// A stretch of a passage: words `first` to `last`, both included, and the text as the source has
/// it, which may begin or end inside a word.
struct Answer {
  std::int32_t first, last;
  std::string text;
};

struct Example {
  std::vector<std::string> words;    ///< as they stand in the source; of span_qa: the question's
  std::vector<std::int32_t> labels;  ///< tagging: one for each word; classification: one
  std::uint32_t document = 0;        ///< index into Dataset::documents
  std::shared_ptr<const Passage> passage = nullptr;  ///< span_qa alone
  std::vector<Answer> answers = {};  ///< span_qa: any of them is right; none: it is not in there
};

/// What the source says that a document is for. `longer` is a further test side, of texts longer
/// than those of training.
enum class Side { any, train, dev, test, longer };

/// What is known beforehand about a generated data set and position.
struct Theory {
  double chance = 0;                 ///< score of the best predictor that cannot see order
  std::vector<std::string> allowed;  ///< encodings that can do better
  std::string reason;                ///< why those and no others
};

struct Dataset {
  std::string name;
  std::string digest;              ///< of the verified files, see Manifest::digest
  std::vector<std::string> tasks;  ///< that it is made for
  std::string citation;
  std::string licence;
  std::vector<std::string> labels;     ///< label number -> name
  std::vector<std::string> documents;  ///< units that a split never cuts, in the source's order
  std::vector<Side> sides;             ///< of each document
  std::vector<Example> examples;       ///< in the source's order
  std::optional<Theory> theory;        ///< of a generated one
  /// Examples that the reader left out: why -> how many.
  std::map<std::string, std::size_t> skipped;
};

/// Finds, verifies and reads a data set, by name or by the path of a manifest. The files are hashed
/// at every load: 28 MB cost some 20 ms, and a result on other bytes is worth nothing. Throws
/// MissingData, or UserError for an unknown name, a wrong SHA-256 (file, expected, found) and a
/// broken line (file:line:column).
Dataset load_dataset(const std::string& name_or_path);

/// The digest that load_dataset would give, without reading files whose digest the manifest has.
/// Throws MissingData where they are not there, UserError for an unknown name.
std::string dataset_digest(const std::string& name_or_path);

}  // namespace posbench
