#include "dataset/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace posbench {

Split split_documents(const Dataset& dataset, int index) {
  const std::size_t documents = dataset.documents.size();
  if (index < 0 || index >= kSplits) {
    throw UserError(fmt::format("no split {}; there are 0 to {}", index, kSplits - 1));
  }
  if (documents < 3) {
    throw UserError(fmt::format("data set {} has {} documents; a split needs 3 or more",
                                dataset.name, documents));
  }
  std::vector<std::uint32_t> order(documents);
  std::iota(order.begin(), order.end(), 0U);
  Random(static_cast<std::uint64_t>(index), "split").shuffle(std::span(order));
  const std::size_t tenth = std::max<std::size_t>(1, (documents + 5) / 10);
  Split split;
  std::vector<std::vector<std::uint32_t>*> side(documents, &split.train);
  for (std::size_t i = 0; i < tenth; ++i) {
    side[order[i]] = &split.test;
    side[order[tenth + i]] = &split.dev;
  }

  // Examples by document; a stable sort keeps the source's order inside one.
  std::vector<std::uint32_t> by_document(dataset.examples.size());
  std::iota(by_document.begin(), by_document.end(), 0U);
  std::stable_sort(by_document.begin(), by_document.end(), [&](std::uint32_t a, std::uint32_t b) {
    return dataset.examples[a].document < dataset.examples[b].document;
  });
  for (const std::uint32_t example : by_document) {
    side[dataset.examples[example].document]->push_back(example);
  }
  return split;
}

}  // namespace posbench
