#include "dataset/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "dataset/manifest.h"
#include "dataset/place.h"
#include "dataset/reader.h"

namespace posbench {
namespace {

// One side's files, read; the reader itself says the sides of what it generates.
Dataset read_side(const Manifest& manifest, Side side) {
  std::vector<std::filesystem::path> files;
  for (const auto& group : manifest.files) {
    if (group.side != side || !manifest.reads(group)) continue;
    const auto found = verified_files(manifest, group);
    files.insert(files.end(), found.begin(), found.end());
  }
  if (files.empty() && !manifest.files.empty()) return {};
  Dataset dataset = read_files(manifest.reader, files, manifest.options, manifest.encoding);
  dataset.sides.resize(dataset.documents.size(), side);
  return dataset;
}

// The labels of both, by name where they differ.
void join_labels(Dataset& whole, Dataset& part) {
  if (whole.examples.empty()) whole.labels = part.labels;
  if (whole.labels == part.labels) return;
  std::set<std::string> names(whole.labels.begin(), whole.labels.end());
  names.insert(part.labels.begin(), part.labels.end());
  const std::vector<std::string> all(names.begin(), names.end());
  for (Dataset* side : {&whole, &part}) {
    std::vector<std::int32_t> renumbered;
    for (const auto& label : side->labels) {
      const auto at = std::lower_bound(all.begin(), all.end(), label);
      renumbered.push_back(static_cast<std::int32_t>(at - all.begin()));
    }
    renumber_labels(*side, renumbered);
  }
  whole.labels = all;
}

void append(Dataset& whole, Dataset part) {
  join_labels(whole, part);
  const auto first = static_cast<std::uint32_t>(whole.documents.size());
  for (auto& example : part.examples) {
    example.document += first;
    whole.examples.push_back(std::move(example));
  }
  whole.documents.insert(whole.documents.end(), part.documents.begin(), part.documents.end());
  whole.sides.insert(whole.sides.end(), part.sides.begin(), part.sides.end());
  for (const auto& [why, count] : part.skipped) whole.skipped[why] += count;
  if (part.theory) whole.theory = part.theory;
}

// Every example becomes a document of its own.
void cut_documents(Dataset& dataset) {
  std::vector<std::string> documents;
  std::vector<Side> sides;
  for (auto& example : dataset.examples) {
    sides.push_back(dataset.sides[example.document]);
    documents.push_back(
        fmt::format("{} {}", dataset.documents[example.document], documents.size()));
    example.document = static_cast<std::uint32_t>(documents.size() - 1);
  }
  dataset.documents = std::move(documents);
  dataset.sides = std::move(sides);
}

}  // namespace

Dataset load_dataset(const std::string& name_or_path) {
  const Manifest manifest = read_manifest(name_or_path);
  Dataset dataset;
  for (const Side side : {Side::any, Side::train, Side::dev, Side::test}) {
    if (manifest.files.empty() && side != Side::any) continue;
    append(dataset, read_side(manifest, side));
  }
  if (dataset.examples.empty()) {
    throw UserError(fmt::format("data set {}: no examples in its files", manifest.name));
  }
  if (dataset.theory) {
    dataset.theory->allowed = manifest.allowed;
    dataset.theory->reason = manifest.reason;
  }
  if (manifest.splits_examples) cut_documents(dataset);
  dataset.name = manifest.name;
  dataset.digest = manifest.digest();
  dataset.tasks = manifest.tasks;
  dataset.citation = manifest.citation;
  dataset.licence = manifest.licence;
  return dataset;
}

std::string dataset_digest(const std::string& name_or_path) {
  const Manifest manifest = read_manifest(name_or_path);
  if (!manifest.files.empty()) dataset_files(manifest, dataset_folder(manifest));
  return manifest.digest();
}

}  // namespace posbench
