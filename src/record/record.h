// What a result is: its identity, its file, and the merge of many.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace posbench {

/// Canonical text of a JSON value: sorted keys, no blanks, shortest round-trip numbers.
std::string canonical(const nlohmann::json& value);

/// The spec less the keys that stand at their default. Ids digest this, so that a key added
/// tomorrow does not orphan the records of today. The price: a default, once released, never
/// changes.
nlohmann::json without_defaults(nlohmann::json spec, const nlohmann::json& defaults);

/// A trial is what was asked, on which bytes, by an engine of which behaviour.
struct Identity {
  nlohmann::json spec;                                 ///< without defaults
  nlohmann::json datasets = nlohmann::json::object();  ///< name -> digest
  std::string fingerprint;

  /// SHA-256 of the canonical identity.
  std::string id() const;
};

/// A record's file in a run directory: trials/<id>.json.
std::filesystem::path record_file(const std::filesystem::path& run, const std::string& id);

/// The finished record of that id, if there is one. A file that is not a whole record of that id
/// counts as absent: it was not written by us, and running the trial again replaces it.
std::optional<nlohmann::json> find_record(const std::filesystem::path& run, const std::string& id);

void write_record(const std::filesystem::path& run, const nlohmann::json& record);

/// Writes accuracy.jsonl, baseline.jsonl, cost.jsonl, error.jsonl, memory.jsonl and probe.jsonl
/// anew from trials/*.json, sorted by id.
void merge_records(const std::filesystem::path& run);

}  // namespace posbench
