#include "dataset/manifest.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/sha256.h"

namespace posbench {
namespace fs = std::filesystem;
namespace {

// A TOML table that is read key by key and complains with the file's name.
class Table {
 public:
  Table(const toml::table& table, std::string place, const std::vector<std::string>& known)
      : table_(table), place_(std::move(place)) {
    for (const auto& [key, value] : table_) {
      const std::string word(key.str());
      if (std::find(known.begin(), known.end(), word) == known.end()) {
        throw UserError(fmt::format("{}: {}", place_, unknown_word("key", word, known)));
      }
    }
  }

  std::string text(const std::string& key) const {
    const auto value = table_[key].value_exact<std::string>();
    if (!value || value->empty()) fail(key, "a string");
    return *value;
  }
  std::string optional_text(const std::string& key) const {
    return table_.contains(key) ? text(key) : "";
  }
  std::size_t count(const std::string& key) const {
    if (!table_.contains(key)) return 1;
    const auto value = table_[key].value_exact<std::int64_t>();
    if (!value || *value < 1) fail(key, "a number above 0");
    return static_cast<std::size_t>(*value);
  }
  std::string one_of(const std::string& key, const std::vector<std::string>& valid) const {
    std::string word = text(key);
    if (std::find(valid.begin(), valid.end(), word) == valid.end()) {
      throw UserError(fmt::format("{}: {}", place_, unknown_word(key, word, valid)));
    }
    return word;
  }
  std::string digest(const std::string& key) const {
    std::string hex = text(key);
    if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
      fail(key, "64 lower-case hexadecimal digits");
    }
    return hex;
  }
  // The tables of [[key]], at least one, each handed to `read`.
  template <class Read>
  void each(const std::string& key, const std::vector<std::string>& known, Read read) const {
    const toml::array* tables = table_[key].as_array();
    if (tables == nullptr || tables->empty() || !tables->is_array_of_tables()) {
      fail(key, "one [[" + key + "]] table or more");
    }
    for (const auto& node : *tables)
      read(Table(*node.as_table(), place_ + " [[" + key + "]]", known));
  }

 private:
  [[noreturn]] void fail(const std::string& key, const std::string& wanted) const {
    throw UserError(fmt::format("{}: '{}' must be {}", place_, key, wanted));
  }

  const toml::table& table_;
  std::string place_;
};

Source read_source(const Table& table) {
  Source source;
  source.kind = table.one_of("kind", {"apt", "npm", "url"});
  if (source.kind == "url") {
    source.url = table.text("url");
  } else {
    source.package = table.text("package");
  }
  if (source.kind == "npm") source.version = table.text("version");
  if (source.kind != "apt" && !table.optional_text("sha256").empty()) {
    source.sha256 = table.digest("sha256");
  }
  source.folder = table.text("folder");
  return source;
}

fs::path manifest_file(const std::string& name_or_path) {
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".toml")) {
    return name_or_path;
  }
  const auto names = list_manifests();
  if (std::find(names.begin(), names.end(), name_or_path) == names.end()) {
    throw UserError(unknown_word("data set", name_or_path, names));
  }
  return home_folder() / "datasets" / (name_or_path + ".toml");
}

}  // namespace

std::string Manifest::digest() const {
  std::string lines;
  for (const auto& file : files) lines += fmt::format("{}  {}\n", file.sha256, file.path);
  return sha256(lines);
}

Manifest read_manifest(const std::string& name_or_path) {
  const fs::path file = manifest_file(name_or_path);
  toml::table document;
  try {
    document = toml::parse(read_file(file));
  } catch (const toml::parse_error& error) {
    throw UserError(
        fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description()));
  }
  const Table table(document, file.string(),
                    {"about", "task", "reader", "licence", "citation", "files", "sources"});
  Manifest manifest;
  manifest.name = file.stem();
  manifest.about = table.text("about");
  manifest.task = table.one_of("task", {"tagging", "classification"});
  manifest.reader = table.text("reader");
  manifest.licence = table.text("licence");
  manifest.citation = table.text("citation");
  table.each("files", {"path", "count", "sha256"}, [&](const Table& files) {
    manifest.files.push_back({files.text("path"), files.count("count"), files.digest("sha256")});
  });
  table.each("sources", {"kind", "package", "version", "url", "sha256", "folder"},
             [&](const Table& source) { manifest.sources.push_back(read_source(source)); });
  return manifest;
}

std::vector<std::string> list_manifests() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(home_folder() / "datasets")) {
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace posbench
