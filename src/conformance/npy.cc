#include "conformance/npy.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/files.h"

namespace posbench {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
static_assert(std::endian::native == std::endian::little, "numbers are copied as they stand");

[[noreturn]] void refuse(std::string_view name, std::string_view problem,
                         std::string_view way_out) {
  throw UserError(fmt::format("{} {}; {}", name, problem, way_out));
}

constexpr std::string_view kSaveAgain =
    "save it again with np.save(file, np.ascontiguousarray(a.astype(\"<f4\")))";
constexpr std::string_view kCopyAgain = "save or copy it again";

// What stands behind 'key': in the header, a Python dictionary in one line.
std::string_view entry(std::string_view header, std::string_view key, std::string_view name) {
  const auto at = header.find(fmt::format("'{}':", key));
  if (at == header.npos) {
    refuse(name, fmt::format("has no '{}' in its header", key), kCopyAgain);
  }
  header.remove_prefix(at + key.size() + 3);
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

// Bytes of a number.
std::size_t size_of_number(std::string_view header, std::string_view name) {
  std::string_view type = entry(header, "descr", name);
  if (!type.starts_with('\'')) refuse(name, "holds records, not plain numbers", kSaveAgain);
  type = type.substr(1, type.find('\'', 1) - 1);
  if (type.starts_with('>')) {
    refuse(name, fmt::format("holds big-endian numbers ('{}')", type), kSaveAgain);
  }
  if (type == "<f2") return 2;
  if (type == "<f4") return 4;
  if (type == "<f8") return 8;
  refuse(name, fmt::format("holds '{}', not floating-point numbers of 2, 4 or 8 bytes", type),
         kSaveAgain);
}

std::vector<std::size_t> shape_of(std::string_view header, std::string_view name) {
  std::string_view text = entry(header, "shape", name);
  const auto end = text.find(')');
  if (!text.starts_with('(') || end == text.npos) refuse(name, "has no shape", kCopyAgain);
  text = text.substr(1, end - 1);
  std::vector<std::size_t> shape;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
    if (text.empty()) return shape;
    std::size_t count = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{}) refuse(name, "has a shape that is no shape", kCopyAgain);
    shape.push_back(count);
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  }
}

template <class Number>
double number_at(const char* bytes) {
  Number value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// IEEE binary16: a sign, 5 bits of exponent, 10 of significand.
double half_at(const char* bytes) {
  const auto bits = static_cast<unsigned>(number_at<std::uint16_t>(bytes));
  const int exponent = bits >> 10 & 31;
  const double significand = bits & 1023;
  const double size = exponent == 0    ? std::ldexp(significand, -24)
                      : exponent == 31 ? (significand == 0 ? INFINITY : NAN)
                                       : std::ldexp(significand + 1024, exponent - 25);
  return bits >> 15 ? -size : size;
}

}  // namespace

NpyTable parse_npy(std::string_view bytes, std::string_view name) {
  if (!bytes.starts_with(kMagic)) refuse(name, "is not a .npy file", kSaveAgain);
  const auto cut_short = [&] { refuse(name, "ends inside its header", kCopyAgain); };
  if (bytes.size() < 12) cut_short();
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3) {
    refuse(name, fmt::format("is a .npy file of version {}, not 1, 2 or 3", version), kSaveAgain);
  }
  std::uint32_t length = 0;
  const std::size_t width = version == 1 ? 2 : 4;
  std::memcpy(&length, bytes.data() + 8, width);
  bytes.remove_prefix(8 + width);
  if (bytes.size() < length) cut_short();
  const std::string_view header = bytes.substr(0, length);
  const std::string_view data = bytes.substr(length);

  const std::size_t size = size_of_number(header, name);
  if (!entry(header, "fortran_order", name).starts_with("False")) {
    refuse(name, "holds its columns one after the other (Fortran order)", kSaveAgain);
  }
  const std::vector<std::size_t> shape = shape_of(header, name);
  if (shape.size() != 1 && shape.size() != 2) {
    refuse(name, fmt::format("has {} dimensions, not 1 or 2", shape.size()),
           "save one table of it, such as a[0] or a.reshape(len(a), -1)");
  }
  const std::size_t rows = shape[0], columns = shape.size() == 2 ? shape[1] : 1;
  if (rows == 0 || columns == 0) refuse(name, "holds no numbers", "save a table with rows");
  if (rows > data.size() / size / columns) {
    refuse(name,
           fmt::format("is cut short: {} bytes for ({}, {}) numbers of {} bytes each", data.size(),
                       rows, columns, size),
           kCopyAgain);
  }
  NpyTable table{rows, columns, std::ldexp(1.0, size == 2 ? -11 : size == 4 ? -24 : -53), {}};
  table.values.reserve(rows * columns);
  for (std::size_t i = 0; i < rows * columns; ++i) {
    const char* at = data.data() + i * size;
    table.values.push_back(size == 2   ? half_at(at)
                           : size == 4 ? number_at<float>(at)
                                       : number_at<double>(at));
    if (!std::isfinite(table.values.back())) {
      refuse(
          name,
          fmt::format("has {} in row {}, column {}", table.values.back(), i / columns, i % columns),
          "a table of positions holds finite numbers");
    }
  }
  return table;
}

NpyTable read_npy(const std::filesystem::path& file) {
  return parse_npy(read_file(file), file.string());
}

}  // namespace posbench
