// .npy files made byte by byte: what is read, and what is refused with which way out.
#include "conformance/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/random.h"

namespace posbench {
namespace {

std::string bytes_of(const auto&... numbers) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&numbers), sizeof numbers), ...);
  return bytes;
}

std::string file_of(const std::string& header, const std::string& data, char version = 1) {
  std::string file = std::string("\x93NUMPY") + version + '\0';
  const auto length = static_cast<std::uint32_t>(header.size());
  file += bytes_of(length).substr(0, version == 1 ? 2 : 4);
  return file + header + data;
}

std::string header_of(const std::string& type, const std::string& shape,
                      const std::string& fortran = "False") {
  return "{'descr': " + type + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

std::string refusal(const std::string& file) {
  try {
    parse_npy(file, "pe.npy");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Npy, ReadsEveryVersionAndSize) {
  for (const char version : {'\1', '\2', '\3'}) {
    const auto table = parse_npy(
        file_of(header_of("'<f4'", "(2, 3)"), bytes_of(1.f, 2.f, 3.f, 4.f, 5.f, -0.1f), version),
        "pe.npy");
    EXPECT_EQ(table.rows, 2u);
    EXPECT_EQ(table.columns, 3u);
    EXPECT_EQ(table.rounding, 0x1p-24);
    EXPECT_THAT(table.values, testing::ElementsAre(1, 2, 3, 4, 5, double{-0.1f}));
  }
  const auto wide = parse_npy(file_of(header_of("'<f8'", "(1,1)"), bytes_of(0.1)), "pe.npy");
  EXPECT_THAT(wide.values, testing::ElementsAre(0.1));
  EXPECT_EQ(wide.rounding, 0x1p-53);
  const auto row = parse_npy(file_of(header_of("'<f4'", "(2,)"), bytes_of(1.f, 2.f)), "pe.npy");
  EXPECT_EQ(row.rows, 2u);
  EXPECT_EQ(row.columns, 1u);
}

TEST(Npy, ReadsHalfPrecision) {
  const auto half = [](auto... bits) { return bytes_of(static_cast<std::uint16_t>(bits)...); };
  // 1, −2, the largest, the smallest normal, the largest and the smallest below it, −0.
  const auto table =
      parse_npy(file_of(header_of("'<f2'", "(7, 1)"),
                        half(0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x0001, 0x8000)),
                "pe.npy");
  EXPECT_THAT(table.values,
              testing::ElementsAre(1, -2, 65504, 0x1p-14, 0x1p-14 - 0x1p-24, 0x1p-24, 0));
  EXPECT_EQ(table.rounding, 0x1p-11);
  EXPECT_THAT(refusal(file_of(header_of("'<f2'", "(1,)"), half(0x7c00))),
              testing::HasSubstr("has inf in row 0, column 0"));
}

TEST(Npy, RefusesWhatItCannotCompare) {
  const std::string two = bytes_of(1.f, 2.f);
  const auto says = [](const std::string& file, const std::string& problem,
                       const std::string& way_out) {
    const std::string message = refusal(file);
    EXPECT_THAT(message, testing::StartsWith("pe.npy " + problem));
    EXPECT_THAT(message, testing::HasSubstr(way_out));
    EXPECT_THAT(message, testing::Not(testing::HasSubstr("\n")));
  };
  const std::string save = "np.save(file, np.ascontiguousarray(a.astype(\"<f4\")))";
  says("", "is not a .npy file", save);
  says("PK\3\4 an archive", "is not a .npy file", save);
  says(file_of(header_of("'<f4'", "(1, 2)"), two, '\4'), "is a .npy file of version 4", save);
  says(file_of(header_of("'>f4'", "(1, 2)"), two), "holds big-endian numbers ('>f4')", save);
  says(file_of(header_of("'<i8'", "(1, 1)"), two), "holds '<i8'", save);
  says(file_of(header_of("'<f16'", "(1, 1)"), two), "holds '<f16'", save);
  says(file_of(header_of("[('a', '<f4')]", "(2,)"), two), "holds records", save);
  says(file_of(header_of("'<f4'", "(1, 2)", "True"), two), "holds its columns one after", save);
  says(file_of(header_of("'<f4'", "(1, 1, 2)"), two), "has 3 dimensions", "a[0]");
  says(file_of(header_of("'<f4'", "()"), two), "has 0 dimensions", "a[0]");
  says(file_of(header_of("'<f4'", "(0, 2)"), ""), "holds no numbers", "with rows");
  says(file_of(header_of("'<f4'", "(2, 0)"), ""), "holds no numbers", "with rows");
  says(file_of(header_of("'<f4'", "(1, 3)"), two), "is cut short: 8 bytes for (1, 3)", "again");
  says(file_of(header_of("'<f4'", "(4294967296, 4294967296)"), two), "is cut short", "again");
  says(file_of(header_of("'<f4'", "(1, -2)"), two), "has a shape that is no shape", "again");
  says(file_of(header_of("'<f4'", "(99999999999999999999,)"), two), "has a shape that is", "again");
  says(file_of("{'descr': '<f4', }", two), "has no 'fortran_order' in its header", "again");
  says(file_of(header_of("'<f4'", "(2"), two).substr(0, 60), "ends inside its header", "again");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  says(file_of(header_of("'<f4'", "(1, 2)"), bytes_of(1.f, nan)), "has nan in row 0, column 1",
       "finite");
}

// A damaged file is read or refused, never more than that.
TEST(Npy, EveryPrefixAndManyDamagesAreRefusedOrRead) {
  const std::string whole = file_of(header_of("'<f4'", "(1, 2)"), bytes_of(1.f, 2.f));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(refusal(whole.substr(0, length)), "") << length;
  }
  Random random(1, "damage");
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = whole;
    damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    refused += refusal(damaged) != "";
  }
  EXPECT_GT(refused, 5000);
}

}  // namespace
}  // namespace posbench
