// A data set as every task sees it: examples of words with labels, and the documents they come
// from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace posbench {

struct Example {
  std::vector<std::string> words;    ///< as they stand in the source, case kept where it has case
  std::vector<std::int32_t> labels;  ///< tagging: one for each word; classification: one
  std::uint32_t document = 0;        ///< index into Dataset::documents
};

struct Dataset {
  std::string name;
  std::string digest;  ///< of the verified files, see Manifest::digest
  std::string task;    ///< "tagging" or "classification"
  std::string citation;
  std::string licence;
  std::vector<std::string> labels;     ///< label number -> name
  std::vector<std::string> documents;  ///< units that a split never cuts, in the source's order
  std::vector<Example> examples;       ///< in the source's order
};

/// Finds, verifies and reads a data set. The files are hashed at every load: 28 MB cost some 20 ms,
/// and a result on other bytes is worth nothing. Throws MissingData, or UserError for an unknown
/// name, a wrong SHA-256 (file, expected, found) and a broken line (file:line).
Dataset load_dataset(const std::string& name);

/// The digest that load_dataset would give, without reading the files. Throws MissingData where
/// they are not there, UserError for an unknown name.
std::string dataset_digest(const std::string& name);

}  // namespace posbench
