// posbench data fetch|verify|list|show
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/options.h"
#include "cli/cli.h"
#include "cli/data_show.h"
#include "dataset/fetch.h"
#include "dataset/manifest.h"
#include "dataset/place.h"

namespace posbench {
namespace {
namespace po = boost::program_options;

constexpr const char* kHelp =
    "Usage: posbench data fetch|verify|list|show [NAME…] [--mirror DIR]\n\n"
    "  fetch   bring data sets to this machine and verify them; what is there already is kept;\n"
    "          without a name, all that have a source\n"
    "  verify  compare the files with their SHA-256; without a name, all that are here\n"
    "  list    tell which data sets there are, whether they are here, and their licences\n"
    "  show    print sides, labels, lengths and examples of what is here\n\n"
    "NAME is a file of datasets/ without .toml, or the path of a manifest of your own (see\n"
    "datasets/README.md). Data sets live in $POSBENCH_DATA, else $XDG_CACHE_HOME/posbench, else\n"
    "~/.cache/posbench; WordNet stays where its Debian package puts it, your own files where they\n"
    "are.\n\n";

constexpr const char* kExamples =
    "\nExamples:\n"
    "  posbench data fetch brown_pos wordnet_gloss\n"
    "  posbench data fetch brown_pos --mirror /mnt/mirror    # /mnt/mirror/brown_pos/ca01 …\n"
    "  posbench data verify\n"
    "  posbench data show ./mine.toml\n";

using Names = std::vector<std::string>;

// Does `action` for every data set, and goes on when one fails; the exit code tells.
template <class Action>
int for_each(const Names& names, Action action) {
  int code = 0;
  for (const auto& name : names) {
    try {
      action(read_manifest(name));
    } catch (const UserError& error) {
      fmt::print(stderr, "error: {}\n", error.what());
      code = 2;
    }
  }
  return code;
}

// Data sets that keep files of their own; the others come along with them.
Names all_with_files() {
  Names names = list_manifests();
  std::erase_if(names, [](const std::string& name) {
    const Manifest manifest = read_manifest(name);
    return manifest.files.empty() || manifest.place != name;
  });
  return names;
}

int fetch(const Names& given, const std::string& given_mirror) {
  FetchOptions options;
  const char* known_mirror = std::getenv("POSBENCH_DATA_MIRROR");
  options.mirror = given_mirror.empty() && known_mirror != nullptr ? known_mirror : given_mirror;
  options.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  return for_each(given.empty() ? all_with_files() : given, [&](const Manifest& manifest) {
    if (given.empty() && manifest.sources.empty() && options.mirror.empty()) {
      options.say(manifest.name + ": left out, only a mirror has it (--mirror DIR)");
      return;
    }
    fetch_dataset(manifest, options);
  });
}

int verify(const Names& given) {
  return for_each(given.empty() ? all_with_files() : given, [&](const Manifest& manifest) {
    try {
      const auto folder = dataset_folder(manifest);
      const auto files = verified_files(manifest, folder);
      fmt::print("{}: {} files verified in {}\n", manifest.name, files.size(), folder.string());
    } catch (const MissingData& error) {
      if (!given.empty()) throw;
      fmt::print("{}\n", error.what());
    }
  });
}

std::string place_of(const Manifest& manifest) {
  if (manifest.files.empty()) return "generated, always here";
  try {
    const auto folder = dataset_folder(manifest);
    dataset_files(manifest, folder);
    return "here: " + folder.string();
  } catch (const MissingData& error) {
    return error.what();
  }
}

int list(const Names& given) {
  return for_each(given.empty() ? list_manifests() : given, [](const Manifest& manifest) {
    fmt::print("{}\n  {}\n  for {}\n  {}\n  licence: {}\n  cite: {}\n", manifest.name,
               manifest.about, fmt::join(manifest.tasks, ", "), place_of(manifest),
               manifest.licence, manifest.citation);
  });
}

int show(const Names& given) {
  if (given.empty()) throw UserError("say which data set; posbench data list tells them");
  return for_each(given, [](const Manifest& manifest) { show_dataset(manifest.given); });
}

}  // namespace

int data_command(const std::vector<std::string>& arguments) {
  po::options_description flags("Flags");
  flags.add_options()("help,h", "this text")(
      "mirror", po::value<std::string>()->default_value("")->value_name("DIR"),
      "fetch: look in DIR/NAME/FILE first (or set POSBENCH_DATA_MIRROR)");
  po::options_description all;
  all.add(flags).add_options()("action", po::value<std::string>(), "")("name", po::value<Names>(),
                                                                       "");
  po::positional_options_description positions;
  positions.add("action", 1).add("name", -1);
  const auto values = parse_options(arguments, all, positions);
  if (values.count("help")) {
    std::cout << kHelp << flags << kExamples;
    return 0;
  }
  if (!values.count("action")) {
    throw UserError("say fetch, verify, list or show; see posbench data --help");
  }
  const auto action = values["action"].as<std::string>();
  const auto names = values.count("name") ? values["name"].as<Names>() : Names();
  if (action == "fetch") return fetch(names, values["mirror"].as<std::string>());
  if (action == "verify") return verify(names);
  if (action == "list") return list(names);
  if (action == "show") return show(names);
  throw UserError(unknown_word("data command", action, {"fetch", "verify", "list", "show"}));
}

}  // namespace posbench
