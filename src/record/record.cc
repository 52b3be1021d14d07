#include "record/record.h"

#include <map>

#include "base/files.h"
#include "base/sha256.h"

namespace posbench {
namespace fs = std::filesystem;
using nlohmann::json;

std::string canonical(const json& value) { return value.dump(); }

json without_defaults(json spec, const json& defaults) {
  for (const auto& [name, initial] : defaults.items()) {
    if (spec.contains(name) && spec.at(name) == initial) spec.erase(name);
  }
  return spec;
}

std::string Identity::id() const {
  return sha256(canonical({{"spec", spec}, {"datasets", datasets}, {"fingerprint", fingerprint}}));
}

fs::path record_file(const fs::path& run, const std::string& id) {
  return run / "trials" / (id + ".json");
}

std::optional<json> find_record(const fs::path& run, const std::string& id) {
  const fs::path file = record_file(run, id);
  if (!fs::exists(file)) return std::nullopt;
  json record = json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  for (const char* key :
       {"schema", "id", "spec", "datasets", "fingerprint", "parent", "result", "provenance"}) {
    if (!record.contains(key)) return std::nullopt;
  }
  if (record.at("id") != id) return std::nullopt;
  return record;
}

void write_record(const fs::path& run, const json& record) {
  const fs::path file = record_file(run, record.at("id"));
  fs::create_directories(file.parent_path());
  write_file_atomically(file, canonical(record) + "\n");
}

void merge_records(const fs::path& run) {
  const std::map<std::string, std::string> merge_of = {
      {"accuracy", "accuracy.jsonl"},  {"memory_cost", "memory.jsonl"},
      {"encoding_cost", "cost.jsonl"}, {"encoder_cost", "cost.jsonl"},
      {"peer_cost", "cost.jsonl"},     {"encoding_error", "error.jsonl"},
      {"reading_cost", "cost.jsonl"},  {"baseline", "baseline.jsonl"},
      {"probe", "probe.jsonl"}};
  std::map<std::string, std::map<std::string, std::string>> lines;  // file -> id -> record
  for (const auto& [harness, file] : merge_of) lines[file];
  if (fs::exists(run / "trials")) {
    for (const auto& entry : fs::directory_iterator(run / "trials")) {
      if (entry.path().extension() != ".json") continue;
      const std::string id = entry.path().stem();
      if (const auto record = find_record(run, id)) {
        const std::string harness = record->at("spec").at("harness");
        lines[merge_of.at(harness)][id] = canonical(*record);
      }
    }
  }
  for (const auto& [file, records] : lines) {
    std::string text;
    for (const auto& [id, line] : records) text += line + "\n";
    write_file_atomically(run / file, text);
  }
}

}  // namespace posbench
