// Readers of the field's file formats. A reader is one file that registers itself by name:
//
//   Dataset read_brown(const std::vector<std::filesystem::path>& files) { … }
//   const bool registered = register_reader("brown_pos", read_brown);
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/dataset.h"

namespace posbench {

/// Fills labels, documents and examples from the manifest's files, in the manifest's order. Strict:
/// throws UserError with file:line for anything it does not understand.
using Reader = Dataset (*)(const std::vector<std::filesystem::path>& files);

bool register_reader(const std::string& name, Reader reader);

/// Throws UserError for an unknown name.
Reader find_reader(const std::string& name);

/// A whole text file, cut into lines without their ends.
class Lines {
 public:
  /// Takes LF and CR LF, a byte order mark in front, a last line without an end. Throws UserError
  /// for a file that cannot be read and for a NUL byte, which no text has.
  explicit Lines(std::filesystem::path file);

  const std::vector<std::string_view>& lines() const { return lines_; }
  /// "FILE:LINE: what is wrong", for the line with this index.
  [[noreturn]] void fail(std::size_t index, const std::string& what) const;

 private:
  std::filesystem::path file_;
  std::string text_;
  std::vector<std::string_view> lines_;
};

/// A–Z to a–z; every other byte stays, so UTF-8 passes through.
std::string lower_case(std::string_view text);

/// The pieces between blanks and tabs, no empty ones.
std::vector<std::string_view> split_blanks(std::string_view text);

}  // namespace posbench
