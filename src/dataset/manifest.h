// datasets/<name>.toml: where a data set comes from, which bytes it must have, what reads it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataset/dataset.h"
#include "dataset/text_file.h"

namespace posbench {

/// One file by its path, or a group of files by a shell pattern.
struct ManifestFiles {
  std::string path;       ///< relative to the data set's folder; a pattern only in its last part
  std::size_t count = 1;  ///< how many files the pattern must match
  std::string sha256;     ///< of the file; of a group: of its files one after the other, by name;
                          ///< empty in a user's own manifest: any bytes will do
  Side side = Side::any;  ///< what the source says they are for
  std::vector<std::string> only = {};  ///< data sets that read them; empty: all that have them
};

/// A way to get the files, tried in the manifest's order.
struct Source {
  std::string kind;     ///< "apt", "npm", "archive" or "files"
  std::string package;  ///< apt, npm
  std::string version;  ///< npm
  std::string url;      ///< archive: of a zip or tar; files: of the folder that the files are in
  std::string sha256;   ///< npm, archive: of the archive, checked before unpacking; may be empty
  std::string folder;  ///< apt: where the package puts the files; npm, archive: inside the archive,
                       ///< where the first part may be a pattern
};

struct Manifest {
  std::string name;
  std::string given;   ///< name or path, as read_manifest got it
  std::string place;   ///< name of the folder of its files; data sets with the same files share it
  std::string mirror;  ///< name of that folder in a mirror
  std::string about;
  std::vector<std::string> tasks;  ///< that it is made for, see task/task.h
  std::string reader;              ///< see dataset/reader.h
  nlohmann::json options;          ///< what the reader is told, an object
  TextEncoding encoding = TextEncoding::utf8;
  bool splits_examples = false;  ///< unit = "example": a split may cut documents
  std::string licence;
  std::string citation;
  /// Of a generated data set: encodings that theory allows to do better than chance, and why.
  std::vector<std::string> allowed;
  std::string reason;
  std::vector<ManifestFiles> files;  ///< none: the data set is generated
  std::vector<Source> sources;       ///< none: a mirror or the user has the files
  std::filesystem::path folder;      ///< of the files of a user's own data set; else empty

  /// Whether the reader gets them.
  bool reads(const ManifestFiles& group) const;

  /// SHA-256 over the lines "<sha256>  <path>\n" of the files that are read and over what else
  /// decides what is read (reader, its options, encoding, unit, sides), where it is said: what a
  /// record means by "this data set".
  std::string digest() const;
};

/// By name (a file of datasets/) or by path (anything with '/' or ending in .toml), whose files
/// lie beside it and which may leave out about, licence, citation, sources and, without sources,
/// SHA-256. Throws UserError with the file and the key for an unknown name, an unknown or missing
/// key, a path that leaves the data set's folder or stands there twice, and TOML that does not
/// parse.
Manifest read_manifest(const std::string& name_or_path);

/// Names of the manifests in datasets/, sorted.
std::vector<std::string> list_manifests();

}  // namespace posbench
