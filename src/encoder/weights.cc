#include "encoder/weights.h"

#include <fmt/format.h>

#include <cstring>
#include <sstream>

#include "base/error.h"

namespace posbench {
namespace {

struct PackedPart {
  std::string name;
  std::size_t rows;
  std::size_t columns;
  std::size_t at;  // first byte of its values
};

// The parts of a whole weights file; nothing is copied from a broken one.
std::vector<PackedPart> read_parts(const std::string& bytes) {
  const std::size_t header_end = bytes.find("\n\n");
  if (header_end == std::string::npos) throw UserError("a weights file without its list of parts");
  std::istringstream header(bytes.substr(0, header_end));
  std::vector<PackedPart> parts;
  std::size_t at = header_end + 2;
  std::string line;
  while (std::getline(header, line)) {
    std::istringstream words(line);
    PackedPart part{"", 0, 0, at};
    if (!(words >> part.name >> part.rows >> part.columns)) {
      throw UserError(fmt::format("a weights file whose list of parts holds '{}'", line));
    }
    // By division: a product of sizes from a broken file may wrap around.
    const std::size_t values_left = (bytes.size() - at) / sizeof(float);
    if (part.columns > 0 && part.rows > values_left / part.columns) {
      throw UserError(fmt::format("a weights file that ends inside its part {}", part.name));
    }
    at += part.rows * part.columns * sizeof(float);
    parts.push_back(part);
  }
  if (at != bytes.size()) throw UserError("a weights file that goes on after its last part");
  return parts;
}

}  // namespace

std::string pack_weights(const ParameterLayout& layout, const Buffer<float>& parameters) {
  std::string bytes;
  for (const Parameter& part : layout.parts()) {
    bytes += fmt::format("{} {} {}\n", part.name, part.rows, part.columns);
  }
  bytes += "\n";
  for (const Parameter& part : layout.parts()) {
    bytes.append(reinterpret_cast<const char*>(parameters.data() + part.offset),
                 part.size() * sizeof(float));
  }
  return bytes;
}

std::vector<std::string> unpack_weights(const std::string& bytes, const ParameterLayout& layout,
                                        Buffer<float>& parameters) {
  std::vector<std::string> copied;
  for (const PackedPart& packed : read_parts(bytes)) {
    for (const Parameter& part : layout.parts()) {
      if (part.name == packed.name && part.rows == packed.rows && part.columns == packed.columns) {
        std::memcpy(parameters.data() + part.offset, bytes.data() + packed.at,
                    part.size() * sizeof(float));
        copied.push_back(part.name);
      }
    }
  }
  return copied;
}

}  // namespace posbench
