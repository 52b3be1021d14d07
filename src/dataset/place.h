// Where the files of a data set lie on this machine, and whether they are the right ones.
#pragma once

#include <filesystem>
#include <vector>

#include "dataset/manifest.h"

namespace posbench {

/// The folder of a user's manifest, data_folder()/<place> where it exists, else the folder of an
/// installed apt source. Throws MissingData, whose message ends with the command that fetches the
/// data set, or says where a user's file is expected.
std::filesystem::path dataset_folder(const Manifest& manifest);

/// The manifest's files in its order, the files of a group by name. Throws MissingData where one is
/// not there.
std::vector<std::filesystem::path> dataset_files(const Manifest& manifest,
                                                 const std::filesystem::path& folder);

/// The same files, after their bytes were compared with the manifest. Throws UserError that names
/// the file, the SHA-256 expected and the one found.
std::vector<std::filesystem::path> verified_files(const Manifest& manifest,
                                                  const std::filesystem::path& folder);

/// Of one group, in its place on this machine.
std::vector<std::filesystem::path> verified_files(const Manifest& manifest,
                                                  const ManifestFiles& group);

/// SHA-256 of the files of a group as they lie there, one after the other. Throws MissingData.
std::string digest_of_files(const Manifest& manifest, const ManifestFiles& group);

}  // namespace posbench
