#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/error.h"

namespace posbench {
namespace fs = std::filesystem;

std::string read_file(const fs::path& file) {
  if (fs::is_directory(file)) {
    throw UserError(fmt::format("cannot read {}: it is a directory", file.string()));
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw UserError(fmt::format("cannot read {}: {}", file.string(), std::strerror(errno)));
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file_atomically(const fs::path& file, std::string_view bytes) {
  // The process id keeps two writers of the same record apart; the last rename wins with equal
  // bytes.
  const fs::path part = file.string() + fmt::format(".part{}", getpid());
  const auto fail = [&](int why) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw UserError(fmt::format("cannot write {}: {}; free some space or choose another --out",
                                file.string(), std::strerror(why)));
  };
  const int descriptor = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(errno);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t written = write(descriptor, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int why = errno;
      close(descriptor);
      fail(why);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  const bool flushed = fsync(descriptor) == 0;
  const int flush_error = errno;
  if (close(descriptor) != 0) fail(errno);
  if (!flushed) fail(flush_error);
  if (rename(part.c_str(), file.c_str()) != 0) fail(errno);
}

void require_writable_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw UserError(fmt::format("cannot make the folder {}: {}; choose another --out",
                                folder.string(), error.message()));
  }
  const fs::path probe = folder / ".posbench-probe";
  write_file_atomically(probe, "probe");
  fs::remove(probe, error);
}

fs::path home_folder() {
  const char* chosen = std::getenv("POSBENCH_HOME");
  const fs::path home = chosen != nullptr ? chosen : POSBENCH_SOURCE_DIR;
  if (!fs::exists(home / "bench" / "studies")) {
    throw UserError(fmt::format(
        "{} holds no bench/studies; set POSBENCH_HOME to posbench's source tree", home.string()));
  }
  return home;
}

fs::path data_folder() {
  if (const char* chosen = std::getenv("POSBENCH_DATA")) return chosen;
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return fs::path(cache) / "posbench";
  if (const char* user = std::getenv("HOME")) return fs::path(user) / ".cache" / "posbench";
  return fs::temp_directory_path() / "posbench";
}

}  // namespace posbench
