#include "dataset/text_file.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"

namespace posbench {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kGzip = "\x1F\x8B";

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string place(const std::filesystem::path& file, std::size_t line, std::size_t column) {
  return fmt::format("{}:{}:{}", file.string(), line, column);
}

std::string utf8_of_latin1(std::string_view text) {
  std::string utf8;
  utf8.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xC0 | (byte >> 6));
      utf8 += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return utf8;
}

// Index of the first byte that makes the text no UTF-8, or its size.
std::size_t first_bad_byte(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t i = 0;
  while (i < text.size()) {
    // Most text is ASCII: eight bytes at a time.
    std::uint64_t eight = 0;
    if (i + 8 <= text.size()) {
      std::memcpy(&eight, bytes + i, 8);
      if ((eight & 0x8080808080808080u) == 0) {
        i += 8;
        continue;
      }
    }
    const std::size_t start = i;
    UChar32 c = 0;
    U8_NEXT(bytes, i, text.size(), c);
    if (c < 0) return start;
  }
  return text.size();
}

// `text` is what the file has from the begin of line `line` on.
void require_text(const std::filesystem::path& file, std::size_t line, std::string_view text,
                  TextEncoding encoding) {
  const auto fail = [&](std::size_t at, const std::string& what) {
    const std::string_view before = text.substr(0, at);
    const auto ends = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t begin = ends == 0 ? 0 : before.rfind('\n') + 1;
    const std::string_view left = before.substr(begin);
    const std::size_t column = encoding == TextEncoding::utf8 ? code_points(left) : left.size();
    throw UserError(place(file, line + ends, column + 1) + ": " + what);
  };
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    fail(nul, "a NUL byte; this is no text file, or one in UTF-16: convert it to UTF-8");
  }
  if (encoding == TextEncoding::latin1) return;
  if (const std::size_t bad = first_bad_byte(text); bad < text.size()) {
    fail(bad, fmt::format("byte 0x{:02x} is not UTF-8; convert the file, or say encoding = "
                          "\"iso-8859-1\" in the manifest if that is what it is",
                          static_cast<unsigned char>(text[bad])));
  }
}

void refuse_gzip(const std::filesystem::path& file, std::string_view begin) {
  if (begin.starts_with(kGzip)) {
    throw UserError(fmt::format("{}: this is a gzip file; unpack it first: gunzip", file.string()));
  }
}

}  // namespace

TextEncoding find_text_encoding(const std::string& name) {
  if (name == "utf-8") return TextEncoding::utf8;
  if (name == "iso-8859-1") return TextEncoding::latin1;
  throw UserError(unknown_word("encoding", name, {"utf-8", "iso-8859-1"}));
}

TextFile::TextFile(std::filesystem::path file, TextEncoding encoding)
    : file_(std::move(file)), encoding_(encoding), in_(file_, std::ios::binary) {
  if (!in_ || std::filesystem::is_directory(file_)) {
    throw UserError(fmt::format("cannot read {}", file_.string()));
  }
}

// Puts the next line with its end into buffer_[begin_ …], and says where it ends through line_.
bool TextFile::read_line() {
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  std::size_t searched = begin_;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      line_.assign(buffer_, begin_, end - begin_);
      begin_ = end + 1;
      return true;
    }
    if (buffer_.size() - begin_ > kLongestLine) {
      throw UserError(place(file_, number_ + 1, 1) +
                      fmt::format(": a line of more than {} MiB; this is no text in lines",
                                  kLongestLine >> 20));
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    searched = buffer_.size();
    buffer_.resize(searched + kPiece);
    in_.read(buffer_.data() + searched, static_cast<std::streamsize>(kPiece));
    const auto got = static_cast<std::size_t>(in_.gcount());
    buffer_.resize(searched + got);
    if (in_.bad()) throw UserError(fmt::format("cannot read {}", file_.string()));
    if (got > 0) continue;
    if (buffer_.empty()) return false;
    line_ = std::move(buffer_);
    buffer_.clear();
    return true;
  }
}

bool TextFile::next(std::string_view& line) {
  if (!read_line()) return false;
  if (number_ == 0) {
    refuse_gzip(file_, line_);
    if (line_.starts_with(kByteOrderMark)) line_.erase(0, kByteOrderMark.size());
  }
  ++number_;
  if (line_.ends_with('\r')) line_.pop_back();
  require_text(file_, number_, line_, encoding_);
  if (encoding_ == TextEncoding::latin1) line_ = utf8_of_latin1(line_);
  line = line_;
  return true;
}

void TextFile::fail(const std::string& what) const {
  throw UserError(fmt::format("{}:{}: {}", file_.string(), number_, what));
}

void TextFile::fail(std::string_view piece, const std::string& what) const {
  const auto at = static_cast<std::size_t>(piece.data() - line_.data());
  throw UserError(place(file_, number_, code_points(std::string_view(line_).substr(0, at)) + 1) +
                  ": " + what);
}

std::string read_text(const std::filesystem::path& file, TextEncoding encoding) {
  std::string text = read_file(file);
  refuse_gzip(file, text);
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  require_text(file, 1, text, encoding);
  return encoding == TextEncoding::latin1 ? utf8_of_latin1(text) : text;
}

void fail_in_text(const std::filesystem::path& file, std::string_view text, std::size_t at,
                  const std::string& what) {
  const std::string_view before = text.substr(0, at);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t begin = line == 0 ? 0 : before.rfind('\n') + 1;
  throw UserError(place(file, line + 1, code_points(before.substr(begin)) + 1) + ": " + what);
}

}  // namespace posbench
