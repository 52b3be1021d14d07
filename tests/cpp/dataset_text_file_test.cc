// Text files as they come, and as they should not.
#include "dataset/text_file.h"

#include "dataset_helpers.h"

namespace posbench {
namespace {
using namespace std::string_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class TextFiles : public ScratchTest {
 protected:
  std::vector<std::string> lines(const std::string& bytes,
                                 TextEncoding encoding = TextEncoding::utf8) const {
    TextFile text(write("a.txt", bytes), encoding);
    std::vector<std::string> all;
    for (std::string_view line; text.next(line);) all.emplace_back(line);
    return all;
  }
  std::string error(const std::string& bytes) const {
    return message_of<UserError>([&] { lines(bytes); });
  }
};

TEST_F(TextFiles, EndsAndMarksAreNoText) {
  for (const auto& bytes : {"a\nb\n"s, "a\r\nb\r\n"s,
                            "\xEF\xBB\xBF"
                            "a\nb"s,
                            "a\nb"s}) {
    EXPECT_THAT(lines(bytes), ElementsAre("a", "b"));
  }
  EXPECT_THAT(lines(""), ElementsAre());
  EXPECT_THAT(lines("\n\na"), ElementsAre("", "", "a"));
  EXPECT_THAT(lines("a\xEF\xBB\xBF\n"), ElementsAre("a\xEF\xBB\xBF")) << "a mark in front only";
}

// Pieces of 64 KiB are read; lines cross their borders.
TEST_F(TextFiles, LongLinesStayWhole) {
  std::string bytes;
  std::vector<std::string> expected;
  for (const std::size_t size : {65535U, 65536U, 65537U, 0U, 1U, 200000U}) {
    expected.push_back(std::string(size, 'x'));
    bytes += expected.back() + "\n";
  }
  EXPECT_EQ(lines(bytes), expected);
}

TEST_F(TextFiles, Latin1BecomesUtf8) {
  EXPECT_THAT(lines("caf\xE9 \xFC\n", TextEncoding::latin1), ElementsAre("café ü"));
  EXPECT_EQ(read_text(write("a.txt", "caf\xE9"), TextEncoding::latin1), "café");
  EXPECT_THAT(message_of<UserError>([] { find_text_encoding("utf8"); }),
              HasSubstr("unknown encoding 'utf8'; did you mean 'utf-8'?"));
}

TEST_F(TextFiles, BadBytesAreNamedByLineAndColumn) {
  EXPECT_THAT(error("ok\nüb\xE9r\n"), HasSubstr("a.txt:2:3: byte 0xe9 is not UTF-8"));
  EXPECT_THAT(error("caf\xC3\n"), HasSubstr("a.txt:1:4: byte 0xc3 is not UTF-8")) << "cut off";
  EXPECT_THAT(error("12345678\xED\xA0\x80\n"), HasSubstr("a.txt:1:9: byte 0xed")) << "a surrogate";
  EXPECT_THAT(error("\xC0\xAF\n"), HasSubstr("a.txt:1:1: byte 0xc0")) << "longer than need be";
  EXPECT_THAT(error("a\nb\0c\n"s), HasSubstr("a.txt:2:2: a NUL byte"));
  EXPECT_THAT(error("\x1F\x8B\x08\x00junk"s), HasSubstr("a.txt: this is a gzip file; unpack it"));
  EXPECT_THAT(message_of<UserError>([&] { read_text(write("b", "a\nb\xFF"), TextEncoding::utf8); }),
              HasSubstr("b:2:2: byte 0xff"));
  EXPECT_THAT(message_of<UserError>([&] { TextFile text(folder / "none"); }),
              HasSubstr("cannot read"));
  EXPECT_THAT(message_of<UserError>([&] { TextFile text(folder); }), HasSubstr("cannot read"));
}

TEST_F(TextFiles, ALineWithoutEndIsNoText) {
  EXPECT_THAT(error("a\n" + std::string(TextFile::kLongestLine + 2, 'x')),
              EndsWith("a.txt:2:1: a line of more than 16 MiB; this is no text in lines"));
}

TEST_F(TextFiles, ErrorsOfReadersPointAtTheirPiece) {
  TextFile text(write("a.txt", "x\näöü word\n"));
  std::string_view line;
  text.next(line);
  text.next(line);
  EXPECT_EQ(text.line_number(), 2u);
  EXPECT_THAT(message_of<UserError>([&] { text.fail(line.substr(line.find("word")), "no"); }),
              EndsWith("a.txt:2:5: no"));
  EXPECT_THAT(message_of<UserError>([&] { text.fail("no"); }), EndsWith("a.txt:2: no"));
}

}  // namespace
}  // namespace posbench
