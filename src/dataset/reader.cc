#include "dataset/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"

namespace posbench {
namespace {

// Inside a function, so that it exists before the first reader of another file registers itself.
std::map<std::string, Reader>& readers() {
  static std::map<std::string, Reader> all;
  return all;
}

}  // namespace

bool register_reader(const std::string& name, Reader reader) {
  return readers().emplace(name, reader).second;
}

Reader find_reader(const std::string& name) {
  const auto found = readers().find(name);
  if (found != readers().end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, reader] : readers()) names.push_back(known);
  throw UserError(unknown_word("reader", name, names));
}

Lines::Lines(std::filesystem::path file) : file_(std::move(file)), text_(read_file(file_)) {
  std::string_view rest = text_;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find('\0') != std::string_view::npos) fail(lines_.size(), "a NUL byte in a text file");
    lines_.push_back(line);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

void Lines::fail(std::size_t index, const std::string& what) const {
  throw UserError(fmt::format("{}:{}: {}", file_.string(), index + 1, what));
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::vector<std::string_view> split_blanks(std::string_view text) {
  std::vector<std::string_view> pieces;
  while (true) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return pieces;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    pieces.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace posbench
