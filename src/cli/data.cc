// posbench data fetch|verify|list
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/options.h"
#include "cli/cli.h"
#include "dataset/fetch.h"
#include "dataset/manifest.h"
#include "dataset/place.h"

namespace posbench {
namespace {
namespace po = boost::program_options;

constexpr const char* kHelp =
    "Usage: posbench data fetch|verify|list [NAME…] [--mirror DIR]\n\n"
    "  fetch   bring data sets to this machine and verify them; what is there already is kept\n"
    "  verify  compare the files with the SHA-256 in datasets/*.toml\n"
    "  list    tell which data sets there are, whether they are here, and their licences\n\n"
    "NAME is a file of datasets/ without .toml; without a name, all of them. Data sets live in\n"
    "$POSBENCH_DATA, else $XDG_CACHE_HOME/posbench, else ~/.cache/posbench; WordNet stays where "
    "its\n"
    "Debian package puts it.\n\n";

constexpr const char* kExamples =
    "\nExamples:\n"
    "  posbench data fetch\n"
    "  posbench data fetch brown_pos\n"
    "  posbench data fetch brown_pos --mirror /mnt/mirror    # /mnt/mirror/brown_pos/ca01 …\n"
    "  posbench data verify wordnet_gloss\n";

// Does `action` for every data set, and goes on when one fails; the exit code tells.
template <class Action>
int for_each(const std::vector<std::string>& names, Action action) {
  int code = 0;
  for (const auto& name : names) {
    const Manifest manifest = read_manifest(name);
    try {
      action(manifest);
    } catch (const UserError& error) {
      fmt::print(stderr, "error: {}\n", error.what());
      code = 2;
    }
  }
  return code;
}

int fetch(const std::vector<std::string>& names, const std::string& mirror) {
  FetchOptions options;
  const char* known_mirror = std::getenv("POSBENCH_DATA_MIRROR");
  options.mirror = mirror.empty() && known_mirror != nullptr ? known_mirror : mirror;
  options.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  return for_each(names, [&](const Manifest& manifest) { fetch_dataset(manifest, options); });
}

int verify(const std::vector<std::string>& names) {
  return for_each(names, [](const Manifest& manifest) {
    const auto folder = dataset_folder(manifest);
    const auto files = verified_files(manifest, folder);
    fmt::print("{}: {} files verified in {}\n", manifest.name, files.size(), folder.string());
  });
}

int list(const std::vector<std::string>& names) {
  return for_each(names, [](const Manifest& manifest) {
    std::string place;
    try {
      const auto folder = dataset_folder(manifest);
      dataset_files(manifest, folder);
      place = "here: " + folder.string();
    } catch (const MissingData& error) {
      place = error.what();
    }
    fmt::print("{}\n  {}\n  {}\n  licence: {}\n  cite: {}\n", manifest.name, manifest.about, place,
               manifest.licence, manifest.citation);
  });
}

}  // namespace

int data_command(const std::vector<std::string>& arguments) {
  po::options_description flags("Flags");
  flags.add_options()("help,h", "this text")(
      "mirror", po::value<std::string>()->default_value("")->value_name("DIR"),
      "fetch: look in DIR/<name>/<file> first (or set POSBENCH_DATA_MIRROR)");
  po::options_description all;
  all.add(flags).add_options()("action", po::value<std::string>(), "")(
      "name", po::value<std::vector<std::string>>(), "");
  po::positional_options_description positions;
  positions.add("action", 1).add("name", -1);
  const auto values = parse_options(arguments, all, positions);
  if (values.count("help")) {
    std::cout << kHelp << flags << kExamples;
    return 0;
  }
  if (!values.count("action"))
    throw UserError("say fetch, verify or list; see posbench data --help");
  const auto action = values["action"].as<std::string>();
  const auto names =
      values.count("name") ? values["name"].as<std::vector<std::string>>() : list_manifests();
  if (action == "fetch") return fetch(names, values["mirror"].as<std::string>());
  if (action == "verify") return verify(names);
  if (action == "list") return list(names);
  throw UserError(unknown_word("data command", action, {"fetch", "verify", "list"}));
}

}  // namespace posbench
