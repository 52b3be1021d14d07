#include "encoder/weights.h"

#include <fmt/format.h>

#include <cstring>
#include <sstream>

#include "base/error.h"

namespace posbench {

std::string pack_weights(const ParameterLayout& layout, const std::vector<float>& parameters) {
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
                                        std::vector<float>& parameters) {
  const std::size_t header_end = bytes.find("\n\n");
  if (header_end == std::string::npos) throw UserError("a weights file without its list of parts");
  std::istringstream header(bytes.substr(0, header_end));
  std::size_t at = header_end + 2;
  std::vector<std::string> copied;
  std::string name;
  std::size_t rows = 0, columns = 0;
  while (header >> name >> rows >> columns) {
    const std::size_t size = rows * columns * sizeof(float);
    if (at + size > bytes.size()) {
      throw UserError(fmt::format("a weights file that ends inside its part {}", name));
    }
    for (const Parameter& part : layout.parts()) {
      if (part.name == name && part.rows == rows && part.columns == columns) {
        std::memcpy(parameters.data() + part.offset, bytes.data() + at, size);
        copied.push_back(name);
      }
    }
    at += size;
  }
  return copied;
}

}  // namespace posbench
