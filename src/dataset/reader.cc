#include "dataset/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {

using nlohmann::json;

struct Entry {
  ReaderAbout about;
  Reader read;
};

// Inside a function, so that it exists before the first reader of another file registers itself.
std::map<std::string, Entry>& registry() {
  static std::map<std::string, Entry> all;
  return all;
}

// Integers stand for numbers, an empty list for a list of anything.
bool same_kind(const json& a, const json& b) {
  if (a.is_number() && b.is_number()) return !a.is_number_integer() || b.is_number_integer();
  return a.type() == b.type();
}

}  // namespace

ReaderOptions::ReaderOptions(const ReaderAbout& reader, const json& given, TextEncoding encoding)
    : values_(json::object()), encoding_(encoding) {
  std::vector<std::string> names;
  for (const ReaderOption& option : reader.options) {
    values_[option.name] = option.initial;
    names.push_back(option.name);
  }
  for (const auto& [name, value] : given.items()) {
    if (!values_.contains(name)) {
      throw UserError(
          fmt::format("reader {}: {}", reader.name, unknown_word("option", name, names)));
    }
    if (!same_kind(values_.at(name), value)) {
      throw UserError(fmt::format("reader {}: option {} is {}; it must be a {} like {}",
                                  reader.name, name, value.dump(), values_.at(name).type_name(),
                                  values_.at(name).dump()));
    }
    values_[name] = value;
  }
}

ReaderRegistration::ReaderRegistration(const ReaderAbout& about, Reader read) {
  registry()[about.name] = {about, read};
}

std::vector<ReaderAbout> readers() {
  std::vector<ReaderAbout> listed;
  for (const auto& [name, entry] : registry()) listed.push_back(entry.about);
  return listed;
}

Dataset read_files(const std::string& reader, const std::vector<std::filesystem::path>& files,
                   const json& options, TextEncoding encoding) {
  const auto found = registry().find(reader);
  if (found == registry().end()) {
    std::vector<std::string> names;
    for (const auto& [known, entry] : registry()) names.push_back(known);
    throw UserError(unknown_word("reader", reader, names));
  }
  const Entry& entry = found->second;
  return entry.read(files, ReaderOptions(entry.about, options, encoding));
}

std::int32_t LabelNumbers::number(std::string_view label) {
  const auto known = numbers_.find(label);
  if (known != numbers_.end()) return known->second;
  return numbers_.emplace(label, static_cast<std::int32_t>(numbers_.size())).first->second;
}

void LabelNumbers::finish(Dataset& dataset) const {
  std::vector<std::int32_t> renumbered(numbers_.size());
  dataset.labels.clear();
  for (const auto& [label, number] : numbers_) {
    renumbered[static_cast<std::size_t>(number)] = static_cast<std::int32_t>(dataset.labels.size());
    dataset.labels.push_back(label);
  }
  renumber_labels(dataset, renumbered);
}

void renumber_labels(Dataset& dataset, const std::vector<std::int32_t>& renumbered) {
  for (auto& example : dataset.examples) {
    for (auto& label : example.labels) {
      if (label != kNoLabel) label = renumbered[static_cast<std::size_t>(label)];
    }
  }
}

SentenceDocuments::SentenceDocuments(const std::string& reader, int block) : block_(block) {
  if (block < 1) {
    throw UserError(fmt::format("reader {}: a block has at least 1 sentence", reader));
  }
}

void SentenceDocuments::mark(Dataset& dataset, std::string name) {
  add_document(dataset, std::move(name));
  in_block_ = kMarked;
}

std::uint32_t SentenceDocuments::next(Dataset& dataset, std::string name) {
  if (in_block_ == block_) {
    add_document(dataset, std::move(name));
    in_block_ = 0;
  }
  if (in_block_ != kMarked) ++in_block_;
  return static_cast<std::uint32_t>(dataset.documents.size() - 1);
}

std::uint32_t add_document(Dataset& dataset, std::string name) {
  dataset.documents.push_back(std::move(name));
  return static_cast<std::uint32_t>(dataset.documents.size() - 1);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::vector<std::string_view> split_blanks(std::string_view text) {
  std::vector<std::string_view> pieces;
  while (true) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return pieces;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    pieces.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace posbench
