#include "dataset/place.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"

namespace posbench {
namespace fs = std::filesystem;
namespace {

std::string way_to_get(const Manifest& manifest) {
  if (!manifest.folder.empty()) return "put it there, beside " + manifest.given;
  return fmt::format("to get it: posbench data fetch {}{}", manifest.given,
                     manifest.sources.empty() ? " --mirror DIR" : "");
}

std::vector<fs::path> matching_files(const ManifestFiles& group, const fs::path& folder) {
  const fs::path pattern = folder / group.path;
  std::vector<fs::path> found;
  if (!fs::is_directory(pattern.parent_path())) return found;
  for (const auto& entry : fs::directory_iterator(pattern.parent_path())) {
    if (fnmatch(pattern.filename().c_str(), entry.path().filename().c_str(), 0) == 0) {
      found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<fs::path> files_of(const Manifest& manifest, const ManifestFiles& group,
                               const fs::path& folder) {
  if (group.count == 1) {
    const fs::path file = folder / group.path;
    if (fs::is_regular_file(file)) return {file};
    throw MissingData(
        fmt::format("{}: {} is missing; {}", manifest.name, file.string(), way_to_get(manifest)));
  }
  auto found = matching_files(group, folder);
  if (found.size() != group.count) {
    throw MissingData(fmt::format("{}: {} holds {} of the {} files {}; {}", manifest.name,
                                  folder.string(), found.size(), group.count, group.path,
                                  way_to_get(manifest)));
  }
  return found;
}

std::string joint_digest(const std::vector<fs::path>& files) {
  Sha256 digest;
  for (const auto& file : files) digest.update(read_file(file));
  return digest.hex();
}

void require_digest(const Manifest& manifest, const ManifestFiles& group, const fs::path& folder,
                    const std::vector<fs::path>& files) {
  if (group.sha256.empty()) return;
  const std::string found = joint_digest(files);
  if (found == group.sha256) return;
  const std::string subject = group.count == 1
                                  ? files.front().string()
                                  : fmt::format("{} files {}, one after the other,", group.count,
                                                (folder / group.path).string());
  throw UserError(fmt::format("{}: {} has the wrong SHA-256: expected {}, found {}; {}",
                              manifest.name, subject, group.sha256, found,
                              manifest.folder.empty()
                                  ? "remove it and run: posbench data fetch " + manifest.given
                                  : "correct " + manifest.given + " if the new bytes are right"));
}

}  // namespace

fs::path dataset_folder(const Manifest& manifest) {
  if (!manifest.folder.empty() || manifest.files.empty()) return manifest.folder;
  fs::path own = data_folder() / manifest.place;
  if (fs::is_directory(own)) return own;
  for (const auto& source : manifest.sources) {
    if (source.kind == "apt" && fs::is_directory(source.folder)) return source.folder;
  }
  throw MissingData(
      fmt::format("data set {} is not on this machine; {}", manifest.name, way_to_get(manifest)));
}

std::vector<fs::path> dataset_files(const Manifest& manifest, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& group : manifest.files) {
    const auto found = files_of(manifest, group, folder);
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

std::vector<fs::path> verified_files(const Manifest& manifest, const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& group : manifest.files) {
    const auto found = files_of(manifest, group, folder);
    require_digest(manifest, group, folder, found);
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

std::vector<fs::path> verified_files(const Manifest& manifest, const ManifestFiles& group) {
  const fs::path folder = dataset_folder(manifest);
  auto files = files_of(manifest, group, folder);
  require_digest(manifest, group, folder, files);
  return files;
}

std::string digest_of_files(const Manifest& manifest, const ManifestFiles& group) {
  return joint_digest(files_of(manifest, group, dataset_folder(manifest)));
}

}  // namespace posbench
