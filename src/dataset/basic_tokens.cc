#include "dataset/basic_tokens.h"

#include <fmt/format.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <stdexcept>

namespace posbench {
namespace {

enum class Kind { blank, dropped, alone, letter };

// Unified ideographs and their extensions: the blocks that BERT takes for Chinese. Japanese and
// Korean syllables have blocks of their own and are written in words.
bool is_ideograph(UChar32 c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

// ASCII's symbols count as punctuation too, `$` and `^` as well as `.`.
Kind kind_of_ascii(unsigned char c) {
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return Kind::blank;
  if (c < 0x20 || c == 0x7F) return Kind::dropped;
  const bool alphanumeric =
      (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return alphanumeric ? Kind::letter : Kind::alone;
}

Kind kind_of(UChar32 c) {
  if (c < 0x80) return kind_of_ascii(static_cast<unsigned char>(c));
  if (u_charType(c) == U_SPACE_SEPARATOR) return Kind::blank;
  if (c == 0xFFFD) return Kind::dropped;
  switch (u_charType(c)) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_SURROGATE:
    case U_PRIVATE_USE_CHAR:
    case U_UNASSIGNED:
      return Kind::dropped;
    default:
      return u_ispunct(c) || is_ideograph(c) ? Kind::alone : Kind::letter;
  }
}

// Lower case, decomposed, without the marks that decomposition sets free.
std::string plain(std::string_view word) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(error);
  if (U_FAILURE(error)) throw std::runtime_error("ICU has no data for NFD");
  icu::UnicodeString lower = icu::UnicodeString::fromUTF8(
      icu::StringPiece(word.data(), static_cast<std::int32_t>(word.size())));
  lower.toLower(icu::Locale::getRoot());
  const icu::UnicodeString decomposed = nfd->normalize(lower, error);
  icu::UnicodeString kept;
  for (std::int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
    const UChar32 c = decomposed.char32At(i);
    if (u_charType(c) != U_NON_SPACING_MARK) kept.append(c);
  }
  std::string bytes;
  kept.toUTF8String(bytes);
  return bytes;
}

// Collects the characters of one word after the other.
class Words {
 public:
  Words(Passage& passage, bool lower) : passage_(passage), lower_(lower) {}

  void add(std::size_t begin, std::size_t end, bool ascii) {
    if (word_.empty()) begin_ = begin;
    word_.append(passage_.text, begin, end - begin);
    end_ = end;
    ascii_ = ascii_ && ascii;
  }
  void finish() {
    if (word_.empty()) return;
    if (lower_ && ascii_) {
      for (char& c : word_) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      }
    } else if (lower_) {
      word_ = plain(word_);
    }
    // A word of marks alone leaves nothing.
    if (!word_.empty()) {
      passage_.words.push_back(word_);
      passage_.ranges.push_back(
          {static_cast<std::uint32_t>(begin_), static_cast<std::uint32_t>(end_)});
    }
    word_.clear();
    ascii_ = true;
  }

 private:
  Passage& passage_;
  bool lower_;
  std::string word_;
  std::size_t begin_ = 0, end_ = 0;
  bool ascii_ = true;
};

}  // namespace

Passage basic_tokens(std::string_view text, bool lower) {
  Passage passage{std::string(text), {}, {}};
  Words words(passage, lower);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(passage.text.data());
  const std::size_t size = passage.text.size();
  for (std::size_t i = 0; i < size;) {
    const std::size_t begin = i;
    const bool ascii = bytes[i] < 0x80;
    UChar32 c = bytes[i];
    if (ascii) {
      ++i;
    } else {
      U8_NEXT(bytes, i, size, c);
    }
    const Kind kind = c < 0 ? Kind::dropped : kind_of(c);
    if (kind == Kind::dropped) continue;
    if (kind != Kind::letter) words.finish();
    if (kind != Kind::blank) words.add(begin, i, ascii);
    if (kind == Kind::alone) words.finish();
  }
  words.finish();
  return passage;
}

}  // namespace posbench
