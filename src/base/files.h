// Reading and writing whole files, and where posbench keeps its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace posbench {

/// The file's bytes. Throws UserError where it cannot be read.
std::string read_file(const std::filesystem::path& file);

/// Writes beside `file`, flushes to the disk and renames: a reader sees the old bytes or the new
/// ones, never half of them. Throws UserError (not writable, disk full) and leaves nothing behind.
void write_file_atomically(const std::filesystem::path& file, std::string_view bytes);

/// Makes the folder and tests by a real write that it can be written to. Throws UserError.
void require_writable_folder(const std::filesystem::path& folder);

/// The source tree with bench/studies, datasets and report: $POSBENCH_HOME, else the tree this was
/// built from. Throws UserError where that is gone.
std::filesystem::path home_folder();

/// Where data sets are kept: $POSBENCH_DATA, else $XDG_CACHE_HOME/posbench, else ~/.cache/posbench.
std::filesystem::path data_folder();

}  // namespace posbench
