// What the harness binaries share: flags, identity, record.
//
// A harness is a function from a spec (plain JSON values) to a result (JSON). Everything else, the
// command line, the trial's id, the atomic record, exit codes, happens here once.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace posbench {

/// One thing a spec can say. The flag is --name with '_' as '-'; a list is written a,b,c.
struct Key {
  std::string name;
  nlohmann::json initial;  ///< default; its type is the key's type
  std::string about;
};

struct Harness {
  std::string name;   ///< binary and `spec.harness`
  std::string about;  ///< what it measures, for --help
  std::string examples;
  std::vector<Key> keys;

  /// Data set name -> digest. Throws MissingData.
  nlohmann::json (*datasets)(const nlohmann::json& spec);
  /// Digest of behaviour (accuracy, memory) or of host and build (times).
  std::string (*fingerprint)(const nlohmann::json& spec);
  /// Runs the trial. `folder` is the run directory (exists) for files beside the record.
  nlohmann::json (*run)(const nlohmann::json& spec, const std::string& folder);
};

/// For a harness that reads no data.
nlohmann::json no_datasets(const nlohmann::json& spec);

/// For a harness that takes times: they belong to one machine and one build.
std::string host_fingerprint(const nlohmann::json& spec);

/// Flags: one per key, and --trial SPEC (JSON text or file), --out DIR, --keys, --identify, --help.
/// Every harness has the key `isa` besides its own; a process that it limits may start anew (see
/// isa_limit.h), and the record tells the outcome under "isa". Without --out the record goes to
/// standard output. Exit 0; 2 bad input, missing data, or what this machine cannot do.
int harness_main(int argc, char** argv, Harness harness);

}  // namespace posbench
