#include "dataset/toml_json.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/error.h"
#include "base/files.h"

namespace posbench {
namespace {
using nlohmann::json;

json to_json(const toml::node& node) {
  if (const auto* table = node.as_table()) {
    json object = json::object();
    for (const auto& [key, value] : *table) object[std::string(key.str())] = to_json(value);
    return object;
  }
  if (const auto* array = node.as_array()) {
    json list = json::array();
    for (const auto& value : *array) list.push_back(to_json(value));
    return list;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  throw UserError(fmt::format("{}:{}: dates have no place here; write a string",
                              *node.source().path, node.source().begin.line));
}

}  // namespace

json read_toml(const std::filesystem::path& file) {
  try {
    return to_json(toml::parse(read_file(file), file.string()));
  } catch (const toml::parse_error& error) {
    throw UserError(
        fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description()));
  }
}

}  // namespace posbench
