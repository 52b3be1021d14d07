#include "dataset/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace posbench {

Split split_documents(const Dataset& dataset, int index) {
  if (index < 0 || index >= kSplits) {
    throw UserError(fmt::format("no split {}; there are 0 to {}", index, kSplits - 1));
  }
  std::vector<Side> sides = dataset.sides;
  sides.resize(dataset.documents.size(), Side::any);
  const auto has = [&](Side side) { return std::count(sides.begin(), sides.end(), side) > 0; };
  // Documents that the source leaves to us; those it names for training too, where it names no
  // others.
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < sides.size(); ++i) {
    if (sides[i] == Side::any || sides[i] == Side::train) order.push_back(i);
  }
  const std::size_t cuts = (has(Side::test) ? 0U : 1U) + (has(Side::dev) ? 0U : 1U);
  if (order.size() < cuts + 1) {
    throw UserError(
        fmt::format("data set {} has {} documents to split; training, development and test sides "
                    "need {} or more (unit = \"example\" splits inside documents)",
                    dataset.name, order.size(), cuts + 1));
  }
  Random(static_cast<std::uint64_t>(index), "split").shuffle(std::span(order));
  const std::size_t tenth = std::max<std::size_t>(1, (order.size() + 5) / 10);
  std::size_t next = 0;
  for (const Side side : {Side::test, Side::dev}) {
    if (has(side)) continue;
    for (std::size_t i = 0; i < tenth; ++i) sides[order[next++]] = side;
  }

  Split split;
  std::vector<std::size_t> longer(sides.size());
  for (std::uint32_t i = 0; i < sides.size(); ++i) {
    if (sides[i] != Side::longer) continue;
    longer[i] = split.longer.size();
    split.longer.push_back({dataset.documents[i], {}});
  }
  // Examples by document; a stable sort keeps the source's order inside one.
  std::vector<std::uint32_t> by_document(dataset.examples.size());
  std::iota(by_document.begin(), by_document.end(), 0U);
  std::stable_sort(by_document.begin(), by_document.end(), [&](std::uint32_t a, std::uint32_t b) {
    return dataset.examples[a].document < dataset.examples[b].document;
  });
  for (const std::uint32_t example : by_document) {
    const std::uint32_t document = dataset.examples[example].document;
    switch (sides[document]) {
      case Side::test:
        split.test.push_back(example);
        break;
      case Side::dev:
        split.dev.push_back(example);
        break;
      case Side::longer:
        split.longer[longer[document]].examples.push_back(example);
        break;
      default:
        split.train.push_back(example);
    }
  }
  return split;
}

}  // namespace posbench
