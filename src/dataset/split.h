// Ten fixed ways to cut a data set into training, development and test documents.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataset/dataset.h"

namespace posbench {

struct NamedExamples {
  std::string name;  ///< of the document
  std::vector<std::uint32_t> examples;
};

/// Indices into Dataset::examples, by document and then in the source's order.
struct Split {
  std::vector<std::uint32_t> train;
  std::vector<std::uint32_t> dev;
  std::vector<std::uint32_t> test;
  std::vector<NamedExamples> longer;  ///< a further test side for each document of Side::longer
};

constexpr int kSplits = 10;

/// Cut number `index` (0 … 9). What the source says about a document holds. Where it names no test
/// documents, those that are left are shuffled by Random(index, "split"), and the first tenth (of
/// documents, rounded) becomes the test side; where it names no development documents, the next
/// tenth becomes that side; the rest is for training. The examples of a document never fall on two
/// sides. Throws UserError for another index and where a side would stay empty.
Split split_documents(const Dataset& dataset, int index);

}  // namespace posbench
