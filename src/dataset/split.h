// Ten fixed ways to cut a data set into training, development and test documents.
#pragma once

#include <cstdint>
#include <vector>

#include "dataset/dataset.h"

namespace posbench {

/// Indices into Dataset::examples, by document and then in the source's order.
struct Split {
  std::vector<std::uint32_t> train;
  std::vector<std::uint32_t> dev;
  std::vector<std::uint32_t> test;
};

constexpr int kSplits = 10;

/// Cut number `index` (0 … 9): documents are shuffled by Random(index, "split"); the first tenth
/// (of documents, rounded) becomes the test side, the next the development side, the rest is for
/// training. The examples of a document never fall on two sides. Throws UserError for another index
/// and for fewer than three documents, which leave a side empty.
Split split_documents(const Dataset& dataset, int index);

}  // namespace posbench
