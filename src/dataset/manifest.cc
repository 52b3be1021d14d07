#include "dataset/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/sha256.h"
#include "dataset/place.h"
#include "dataset/toml_json.h"

namespace posbench {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

// A TOML table that is read key by key and complains with the file's name.
class Table {
 public:
  Table(const json& table, std::string place, const std::vector<std::string>& known)
      : table_(table), place_(std::move(place)) {
    for (const auto& [word, value] : table_.items()) {
      if (std::find(known.begin(), known.end(), word) == known.end()) {
        throw UserError(fmt::format("{}: {}", place_, unknown_word("key", word, known)));
      }
    }
  }

  bool contains(const std::string& key) const { return table_.contains(key); }
  std::string text(const std::string& key) const {
    const json value = table_.value(key, json());
    if (!value.is_string() || value.get<std::string>().empty()) fail(key, "a string");
    return value;
  }
  std::string optional_text(const std::string& key) const { return contains(key) ? text(key) : ""; }
  // One that stays where it starts.
  std::string inner_path(const std::string& key) const {
    const fs::path path = text(key);
    if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()) {
      fail(key, "a path inside the folder, not '" + path.string() + "'");
    }
    return path;
  }
  // A string or a list of them.
  std::vector<std::string> texts(const std::string& key) const {
    const json value = table_.value(key, json());
    if (!value.is_array()) return {text(key)};
    std::vector<std::string> all;
    for (const json& one : value) {
      if (!one.is_string() || one.get<std::string>().empty())
        fail(key, "a string or a list of strings");
      all.push_back(one);
    }
    return all;
  }
  std::size_t count(const std::string& key) const {
    if (!contains(key)) return 1;
    const json& value = table_.at(key);
    if (!value.is_number_integer() || value < 1) fail(key, "a number above 0");
    return value;
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
  std::string optional_digest(const std::string& key) const {
    return contains(key) ? digest(key) : "";
  }
  json object(const std::string& key) const {
    if (!contains(key)) return json::object();
    if (!table_.at(key).is_object()) fail(key, "a table");
    return table_.at(key);
  }
  // The tables of [[key]], at least one, each handed to `read`.
  template <class Read>
  void each(const std::string& key, const std::vector<std::string>& known, Read read) const {
    const json tables = table_.value(key, json());
    if (!tables.is_array() || tables.empty()) fail(key, "one [[" + key + "]] table or more");
    for (const json& one : tables) {
      if (!one.is_object()) fail(key, "one [[" + key + "]] table or more");
      read(Table(one, place_ + " [[" + key + "]]", known));
    }
  }
  [[noreturn]] void fail(const std::string& key, const std::string& wanted) const {
    throw UserError(fmt::format("{}: '{}' must be {}", place_, key, wanted));
  }

 private:
  const json& table_;
  std::string place_;
};

Source read_source(const Table& table) {
  Source source;
  source.kind = table.one_of("kind", {"apt", "npm", "archive", "files"});
  if (source.kind == "archive" || source.kind == "files") {
    source.url = table.text("url");
  } else {
    source.package = table.text("package");
  }
  if (source.kind == "npm") source.version = table.text("version");
  if (source.kind == "apt") {
    source.folder = table.text("folder");
  } else if (source.kind != "files") {
    source.folder = table.inner_path("folder");
  }
  source.sha256 = table.optional_digest("sha256");
  return source;
}

Side read_side(const Table& table) {
  if (table.optional_text("side").empty()) return Side::any;
  const std::string side = table.one_of("side", {"train", "dev", "test"});
  return side == "train" ? Side::train : side == "dev" ? Side::dev : Side::test;
}

ManifestFiles read_group(const Table& table, bool any_bytes) {
  ManifestFiles group;
  group.path = table.inner_path("path");
  group.count = table.count("count");
  if (group.count == 1 && group.path.find_first_of("*?") != std::string::npos) {
    table.fail("count", "above 1, how many files the pattern '" + group.path + "' matches");
  }
  group.sha256 = any_bytes ? table.optional_digest("sha256") : table.digest("sha256");
  group.side = read_side(table);
  if (table.contains("only")) group.only = table.texts("only");
  return group;
}

// Which files, and the ways to get them.
void read_origin(const Table& table, bool own, Manifest& manifest) {
  if (table.contains("mirror")) manifest.mirror = table.inner_path("mirror");
  if (table.contains("sources")) {
    table.each("sources", {"kind", "package", "version", "url", "sha256", "folder"},
               [&](const Table& source) { manifest.sources.push_back(read_source(source)); });
  }
  const bool any_bytes = own && manifest.sources.empty();
  const bool by_name = std::any_of(manifest.sources.begin(), manifest.sources.end(),
                                   [](const Source& source) { return source.kind == "files"; });
  table.each("files", {"path", "count", "sha256", "side", "only"}, [&](const Table& files) {
    ManifestFiles group = read_group(files, any_bytes);
    if (by_name && group.count > 1) {
      files.fail("count", "left out: a source of kind \"files\" gets files by name alone");
    }
    for (const auto& other : manifest.files) {
      if (fs::path(other.path).lexically_normal() == fs::path(group.path).lexically_normal()) {
        files.fail("path", "there once, not '" + group.path + "' again");
      }
    }
    manifest.files.push_back(std::move(group));
  });
}

bool is_path(const std::string& name_or_path) {
  return name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".toml");
}

fs::path shipped_file(const std::string& name) {
  return home_folder() / "datasets" / (name + ".toml");
}

fs::path manifest_file(const std::string& name_or_path) {
  if (is_path(name_or_path)) return name_or_path;
  const auto names = list_manifests();
  if (std::find(names.begin(), names.end(), name_or_path) == names.end()) {
    throw UserError(unknown_word("data set", name_or_path, names));
  }
  return shipped_file(name_or_path);
}

Table manifest_table(const json& document, const fs::path& file) {
  return {document,
          file.string(),
          {"about", "task", "reader", "encoding", "unit", "licence", "citation", "options",
           "theory", "mirror", "files_of", "files", "sources"}};
}

// Only the files and their sources of the other one are taken, which has some of its own.
void read_origin_of_other(const Table& table, Manifest& manifest) {
  for (const auto* key : {"mirror", "files", "sources"}) {
    if (table.contains(key)) table.fail(key, "left out beside 'files_of'");
  }
  manifest.place = table.one_of("files_of", list_manifests());
  manifest.mirror = manifest.place;
  const fs::path file = shipped_file(manifest.place);
  const json other = read_toml(file);
  read_origin(manifest_table(other, file), false, manifest);
}

}  // namespace

bool Manifest::reads(const ManifestFiles& group) const {
  return group.only.empty() ||
         std::find(group.only.begin(), group.only.end(), name) != group.only.end();
}

std::string Manifest::digest() const {
  std::string lines;
  for (const auto& file : files) {
    if (!reads(file)) continue;
    const std::string bytes = file.sha256.empty() ? digest_of_files(*this, file) : file.sha256;
    lines += fmt::format("{}  {}\n", bytes, file.path);
    if (file.side != Side::any) lines += fmt::format("side {}\n", static_cast<int>(file.side));
  }
  // Where the files do not say it: there are none, others read them too, or they are a user's.
  if (files.empty() || place != name || !folder.empty())
    lines += fmt::format("reader {}\n", reader);
  if (!options.empty()) lines += options.dump() + "\n";
  if (encoding != TextEncoding::utf8) lines += "iso-8859-1\n";
  if (splits_examples) lines += "unit example\n";
  return sha256(lines);
}

Manifest read_manifest(const std::string& name_or_path) {
  const fs::path file = manifest_file(name_or_path);
  const bool own = is_path(name_or_path);
  const json document = read_toml(file);
  const Table table = manifest_table(document, file);
  const auto text = [&](const std::string& key, const std::string& of_own) {
    return own && !table.contains(key) ? of_own : table.text(key);
  };
  Manifest manifest;
  manifest.name = manifest.place = manifest.mirror = file.stem();
  manifest.given = name_or_path;
  manifest.about = text("about", file.string());
  manifest.tasks = table.texts("task");
  manifest.reader = table.text("reader");
  manifest.options = table.object("options");
  if (table.contains("encoding")) manifest.encoding = find_text_encoding(table.text("encoding"));
  if (table.contains("unit")) {
    manifest.splits_examples = table.one_of("unit", {"document", "example"}) == "example";
  }
  manifest.licence = text("licence", "not stated");
  manifest.citation = text("citation", "not stated");
  if (table.contains("theory")) {
    const json of_theory = table.object("theory");
    const Table theory(of_theory, file.string() + " [theory]", {"allowed", "reason"});
    manifest.allowed = theory.texts("allowed");
    manifest.reason = theory.text("reason");
  }
  if (table.contains("files_of")) {
    read_origin_of_other(table, manifest);
  } else if (table.contains("files") || table.contains("sources")) {
    read_origin(table, own, manifest);
    if (own && manifest.sources.empty()) manifest.folder = fs::absolute(file).parent_path();
  }
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
