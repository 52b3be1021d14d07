// Text files, line by line, as valid UTF-8 whatever they were written in.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace posbench {

/// Names of encodings: "utf-8" and "iso-8859-1".
enum class TextEncoding { utf8, latin1 };

/// Throws UserError for another name.
TextEncoding find_text_encoding(const std::string& name);

/// Takes LF and CR LF, a byte order mark in front, a last line without an end. Memory is that of
/// the longest line. Throws UserError (FILE:LINE:COLUMN, columns in code points from 1) for a file
/// that cannot be read or is compressed, a NUL byte, a byte that is not UTF-8, and a line of more
/// than kLongestLine bytes, which is no text.
class TextFile {
 public:
  static constexpr std::size_t kLongestLine = std::size_t{16} << 20;

  explicit TextFile(std::filesystem::path file, TextEncoding encoding = TextEncoding::utf8);

  /// The next line without its end, valid until the next call; false behind the last.
  bool next(std::string_view& line);

  /// Of the line that next() gave last, from 1.
  std::size_t line_number() const { return number_; }
  const std::filesystem::path& file() const { return file_; }

  /// "FILE:LINE: what is wrong".
  [[noreturn]] void fail(const std::string& what) const;
  /// "FILE:LINE:COLUMN: what is wrong", for a piece of the line that next() gave last.
  [[noreturn]] void fail(std::string_view piece, const std::string& what) const;

 private:
  bool read_line();

  std::filesystem::path file_;
  TextEncoding encoding_;
  std::ifstream in_;
  std::string buffer_;     // what was read of the file; lines end behind begin_
  std::size_t begin_ = 0;  // of the first byte that no line has had
  std::string line_;       // as UTF-8
  std::size_t number_ = 0;
};

/// A whole file with the same rules, for formats that have no lines.
std::string read_text(const std::filesystem::path& file, TextEncoding encoding);

/// "FILE:LINE:COLUMN: what is wrong" for the byte `at` of a text that read_text gave.
[[noreturn]] void fail_in_text(const std::filesystem::path& file, std::string_view text,
                               std::size_t at, const std::string& what);

}  // namespace posbench
