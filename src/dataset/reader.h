// Readers of the field's file formats. A reader is one file that registers itself:
//
//   Dataset read_brown(const std::vector<std::filesystem::path>& files, const ReaderOptions&) { … }
//   const ReaderRegistration registration({"word_tag", "word/tag …", {}}, read_brown);
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/text_file.h"

namespace posbench {

/// One thing that a manifest's [options] can say to a reader.
struct ReaderOption {
  std::string name;
  nlohmann::json initial;  ///< default; its type is the option's
  std::string about;
};

struct ReaderAbout {
  std::string name;
  std::string about;
  std::vector<ReaderOption> options;
};

/// The options of one reading, complete, and the encoding of the files.
class ReaderOptions {
 public:
  /// `given` over the reader's defaults. Throws UserError for an unknown option and for a value of
  /// another type.
  ReaderOptions(const ReaderAbout& reader, const nlohmann::json& given, TextEncoding encoding);

  template <class T>
  T get(const std::string& name) const {
    return values_.at(name).get<T>();
  }
  TextEncoding encoding() const { return encoding_; }

 private:
  nlohmann::json values_;
  TextEncoding encoding_;
};

/// Fills labels, documents and examples from files of one side, in the manifest's order. Strict:
/// throws UserError with file:line:column for anything it does not understand.
using Reader = Dataset (*)(const std::vector<std::filesystem::path>& files,
                           const ReaderOptions& options);

/// A file of this folder registers its reader with one static object.
struct ReaderRegistration {
  ReaderRegistration(const ReaderAbout& about, Reader read);
};

std::vector<ReaderAbout> readers();

/// Reads with the reader of that name. Throws UserError for an unknown one, and what it throws.
Dataset read_files(const std::string& reader, const std::vector<std::filesystem::path>& files,
                   const nlohmann::json& options = nlohmann::json::object(),
                   TextEncoding encoding = TextEncoding::utf8);

/// Numbers labels as they come; at the end they are renumbered in the order of their names.
class LabelNumbers {
 public:
  std::int32_t number(std::string_view label);
  /// Fills dataset.labels and renumbers the labels of all examples.
  void finish(Dataset& dataset) const;

 private:
  std::map<std::string, std::int32_t, std::less<>> numbers_;
};

/// Appends a document and returns its number.
std::uint32_t add_document(Dataset& dataset, std::string name);

/// The documents of a format whose files are sentences: those that a file marks, or where it marks
/// none, blocks of so many neighbouring sentences.
class SentenceDocuments {
 public:
  /// Throws UserError for blocks of fewer than 1 sentence.
  SentenceDocuments(const std::string& reader, int block);

  void begin_file() { in_block_ = block_; }
  /// A document that the file marks begins.
  void mark(Dataset& dataset, std::string name);
  /// The document of the next sentence; `name` is for a block that begins with it.
  std::uint32_t next(Dataset& dataset, std::string name);

 private:
  static constexpr int kMarked = -1;  // the file marks its documents
  int block_;
  int in_block_ = 0;  // sentences, or kMarked
};

/// Gives every label of every example its new number, by its old one.
void renumber_labels(Dataset& dataset, const std::vector<std::int32_t>& renumbered);

/// A–Z to a–z; every other byte stays, so UTF-8 passes through.
std::string lower_case(std::string_view text);

/// The pieces between blanks and tabs, no empty ones.
std::vector<std::string_view> split_blanks(std::string_view text);

}  // namespace posbench
