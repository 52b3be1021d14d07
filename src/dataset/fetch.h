// Bringing a data set to this machine.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "dataset/manifest.h"

namespace posbench {

struct FetchOptions {
  /// A folder DIR with DIR/<Manifest::mirror>/<file>, asked before the manifest's sources; empty:
  /// none.
  std::filesystem::path mirror;
  /// Gets a line for every step.
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

/// Tries the mirror, then the manifest's sources in their order, until the files are there with the
/// right bytes, and returns their folder. Files that are there already are verified and kept; a
/// data set without files needs none.
///
/// Atomic: everything happens in data_folder()/<place>.part; the folder gets its name when it is
/// complete and verified. A broken download goes on where it stopped. Throws UserError with the
/// reason of every way that failed.
std::filesystem::path fetch_dataset(const Manifest& manifest, const FetchOptions& options);

}  // namespace posbench
