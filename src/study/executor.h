// Runs the trials of studies that have no record yet, each as one process, and keeps run.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "study/study.h"

namespace posbench {

struct RunOptions {
  std::string profile;
  std::filesystem::path out;
  std::uint64_t seed_shift = 0;    ///< as the studies were read with
  int jobs = 1;                    ///< accuracy and memory trials at once; cost studies run alone
  bool skip_missing_data = false;  ///< go on without trials whose data set is not on this machine
  std::string command;             ///< as the user typed it, for run.json
};

/// Whether a harness's trials run one at a time: a time measured beside other work is no time.
bool runs_alone(const std::string& harness);

/// Locks the claims' rules in run.json, runs what is missing, merges the records. A trial that
/// fails is named and the sweep goes on; trials for an instruction set or a precision that this
/// machine lacks are left out and named. Returns the number of failed trials. Throws UserError,
/// before anything runs, for a run directory that cannot be written or holds another profile,
/// unknown spec keys, and (unless skipped) missing data.
int run_studies(const std::vector<Study>& studies, const RunOptions& options);

}  // namespace posbench
