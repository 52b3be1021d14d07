// datasets/<name>.toml: where a data set comes from, which bytes it must have, what reads it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace posbench {

/// One file by its path, or a group of files by a shell pattern.
struct ManifestFiles {
  std::string path;       ///< file name or pattern, relative to the data set's folder
  std::size_t count = 1;  ///< how many files the pattern must match
  std::string sha256;     ///< of the file; of a group: of its files one after the other, by name
};

/// A way to get the files, tried in the manifest's order.
struct Source {
  std::string kind;     ///< "apt", "npm" or "url"
  std::string package;  ///< apt, npm
  std::string version;  ///< npm
  std::string url;      ///< url: a zip or tar archive
  std::string sha256;   ///< npm, url: of the archive, checked before unpacking; may be empty
  std::string folder;   ///< apt: where the package puts the files; npm, url: inside the archive
};

struct Manifest {
  std::string name;
  std::string about;
  std::string task;    ///< "tagging" or "classification"
  std::string reader;  ///< see dataset/reader.h
  std::string licence;
  std::string citation;
  std::vector<ManifestFiles> files;
  std::vector<Source> sources;

  /// SHA-256 over the lines "<sha256>  <path>\n" of `files`: what a record means by "this data
  /// set".
  std::string digest() const;
};

/// By name (a file of datasets/) or by path (anything with '/' or ending in .toml). Throws
/// UserError for an unknown name, an unknown or missing key, and TOML that does not parse.
Manifest read_manifest(const std::string& name_or_path);

/// Names of the manifests in datasets/, sorted.
std::vector<std::string> list_manifests();

}  // namespace posbench
