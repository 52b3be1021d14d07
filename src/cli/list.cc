// posbench list encodings|systems|tasks|datasets|studies|claims
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/options.h"
#include "cli/cli.h"
#include "dataset/manifest.h"
#include "dataset/toml_json.h"
#include "encoder/systems.h"
#include "encoding/encoding.h"
#include "task/task.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
namespace po = boost::program_options;

struct Line {
  std::string name;
  std::string about;
};

// One line per TOML file of a folder: its stem and the first line of one of its strings.
std::vector<Line> toml_files(const fs::path& folder, const std::string& key) {
  std::vector<Line> lines;
  if (!fs::is_directory(folder)) return lines;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    const auto text = read_toml(entry.path()).value(key, "");
    lines.push_back({entry.path().stem(), text.substr(0, text.find('\n'))});
  }
  std::sort(lines.begin(), lines.end(),
            [](const Line& a, const Line& b) { return a.name < b.name; });
  return lines;
}

std::vector<Line> list_encodings() {
  std::vector<Line> lines;
  for (const auto& encoding : encodings()) {
    const auto& known = encoding.conventions;
    const std::string conventions =
        known.empty() ? "" : fmt::format("; conventions: {}", fmt::join(known, ", "));
    lines.push_back({encoding.name, encoding.about + conventions});
  }
  return lines;
}

std::vector<Line> list_systems() {
  std::vector<Line> lines;
  for (const EncoderSystem& system : systems()) {
    const std::string rows =
        system.max_length > 0 ? fmt::format(" of {} positions", system.max_length) : "";
    lines.push_back(
        {std::string(system.name), fmt::format("{}; {}{}", system.about, system.encoding, rows)});
  }
  return lines;
}

std::vector<Line> list_tasks() {
  std::vector<Line> lines;
  for (const auto& task : tasks()) lines.push_back({task.name, task.about});
  return lines;
}

std::vector<Line> list_datasets() {
  std::vector<Line> lines;
  for (const auto& name : list_manifests()) lines.push_back({name, read_manifest(name).about});
  return lines;
}

std::vector<Line> list_studies() { return toml_files(home_folder() / "bench/studies", "about"); }

std::vector<Line> list_claims() { return toml_files(home_folder() / "report/claims", "title"); }

struct Kind {
  std::string name;
  std::vector<Line> (*list)();
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {{"encodings", list_encodings}, {"systems", list_systems},
                                        {"tasks", list_tasks},         {"datasets", list_datasets},
                                        {"studies", list_studies},     {"claims", list_claims}};
  return all;
}

}  // namespace

int list_command(const std::vector<std::string>& arguments) {
  po::options_description flags("Flags");
  flags.add_options()("help,h", "this text");
  po::options_description all;
  all.add(flags).add_options()("kind", po::value<std::string>(), "");
  po::positional_options_description positions;
  positions.add("kind", 1);
  const auto values = parse_options(arguments, all, positions);
  if (values.count("help")) {
    std::cout
        << "Usage: posbench list encodings|systems|tasks|datasets|studies|claims\n\n"
           "One line each: the name that flags and study files use, and what it is.\n\n"
        << flags
        << "\nExamples:\n  posbench list encodings\n  posbench list studies | cut -d' ' -f1\n";
    return 0;
  }
  std::vector<std::string> names;
  for (const auto& kind : kinds()) names.push_back(kind.name);
  if (!values.count("kind")) {
    throw UserError("say what to list: encodings, systems, tasks, datasets, studies or claims");
  }
  const auto wanted = values["kind"].as<std::string>();
  const auto kind = std::find_if(kinds().begin(), kinds().end(),
                                 [&](const Kind& each) { return each.name == wanted; });
  if (kind == kinds().end()) throw UserError(unknown_word("kind of thing", wanted, names));
  for (const auto& line : kind->list()) fmt::print("{:<22} {}\n", line.name, line.about);
  return 0;
}

}  // namespace posbench
