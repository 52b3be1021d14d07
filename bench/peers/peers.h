// The engines that posbench is compared with, and ours: where they are, how they are started.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "peers/worker.h"

namespace posbench {

inline const std::vector<std::string> kArms = {"posbench", "pytorch", "onnxruntime"};

/// Where npm has put onnxruntime-node (in node_modules): beside the data sets, `ci/peers` does it.
std::filesystem::path node_folder();

/// What is installed of an arm: "1.13.0", or nothing and why it cannot run here. Asks without
/// loading it.
struct Presence {
  std::string version;
  std::string missing;
};
Presence presence_of(const std::string& arm);

/// Whether pytorch_encodings.py has an encoding.
bool pytorch_knows(const std::string& encoding);

/// Starts an arm's worker on a job, alone and on one thread. `folder` gets what it needs besides
/// and its log.
std::unique_ptr<Worker> start_worker(const std::string& arm, const std::filesystem::path& folder);

}  // namespace posbench
