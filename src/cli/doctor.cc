// posbench doctor: what about this machine makes numbers untrustworthy, and what to do about it.
#include <fmt/format.h>

#include <boost/algorithm/string/join.hpp>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "base/options.h"
#include "base/process.h"
#include "cli/cli.h"
#include "cli/machine.h"
#include "dataset/manifest.h"
#include "dataset/place.h"
#include "kernel/isa.h"
#include "study/study.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
namespace po = boost::program_options;
using enum Finding::Level;

// What a study can measure here: each tier is this CPU, limited.
void check_isa(std::vector<Finding>& findings) {
  const std::vector<std::string> tiers = available_tiers();
  if (tiers.empty()) {
    findings.push_back(
        {kWarning, "instruction set: " + available_isa(),
         "trials for sse4, avx2 or avx512 are left out; take a CPU made since 2010"});
    return;
  }
  findings.push_back({kGood,
                      fmt::format("instruction set: {}; trials with --isa {} run here",
                                  available_isa(), boost::join(tiers, ", ")),
                      ""});
}

void check_disk(const std::string& what, const fs::path& folder, std::vector<Finding>& findings) {
  try {
    require_writable_folder(folder);
  } catch (const UserError& error) {
    findings.push_back({kFatal, fmt::format("{}: {}", what, error.what()),
                        "make it writable, or go to another folder"});
    return;
  }
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error) return;
  const double free_mib = static_cast<double>(space.available) / (1024 * 1024);
  const auto text = fmt::format("{} {}: {:.0f} MiB free", what, folder.string(), free_mib);
  if (free_mib < 64) {
    findings.push_back({kFatal, text, "a run writes up to 64 MiB; free some space"});
  } else if (free_mib < 1024) {
    findings.push_back({kWarning, text, "a long run may fill it; free some space"});
  } else {
    findings.push_back({kGood, text, ""});
  }
}

void check_data(std::vector<Finding>& findings) {
  for (const auto& name : list_manifests()) {
    try {
      const Manifest manifest = read_manifest(name);
      const auto folder = dataset_folder(manifest);
      verified_files(manifest, folder);
      findings.push_back({kGood, fmt::format("data {}: {}", name, folder.string()), ""});
    } catch (const MissingData&) {
      findings.push_back({kWarning, fmt::format("data {}: missing, its trials cannot run", name),
                          "posbench data fetch " + name});
    } catch (const UserError& error) {
      findings.push_back({kWarning, fmt::format("data: {}", error.what()), ""});
    }
  }
}

void check_interpreter(std::vector<Finding>& findings) {
  const ProcessOutput probe = run_process({(home_folder() / "ci/report-python").string()});
  const auto line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  if (probe.exit_code == 0) {
    findings.push_back({kGood, "report interpreter: " + line(probe.output), ""});
  } else {
    findings.push_back(
        {kWarning, "report interpreter: missing, reports cannot be made", line(probe.errors)});
  }
}

void check_harnesses(std::vector<Finding>& findings) {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  for (const std::string& name : kHarnesses) {
    if (!fs::exists(folder / name)) {
      findings.push_back({kFatal, fmt::format("{} is missing", (folder / name).string()),
                          "build everything: cmake --build build"});
    }
  }
}

void print(const Finding& finding) {
  const char* mark = finding.level == kGood ? "ok  " : finding.level == kWarning ? "warn" : "STOP";
  fmt::print("{}  {}\n", mark, finding.what);
  if (!finding.advice.empty()) fmt::print("      -> {}\n", finding.advice);
}

}  // namespace

int doctor_command(const std::vector<std::string>& arguments) {
  po::options_description flags("Flags");
  flags.add_options()("help,h", "this text");
  const auto values = parse_options(arguments, flags);
  if (values.count("help")) {
    std::cout << "Usage: posbench doctor\n\n"
                 "Tells what about this machine makes numbers untrustworthy (steal, load, limits,\n"
                 "clock, heat, memory, disk, missing data, missing interpreter) and what to do,\n"
                 "and which instruction sets its CPU has.\n"
                 "Exit code: 0, or 1 where something makes a run impossible.\n\n"
              << flags
              << "\nExample:\n  posbench doctor && posbench run --profile quick --out out/quick\n";
    return 0;
  }
  auto findings = check_machine("/", std::chrono::milliseconds(500));
  check_isa(findings);
  check_disk("temporary folder", fs::temp_directory_path(), findings);
  check_disk("current folder", fs::current_path(), findings);
  check_data(findings);
  check_interpreter(findings);
  check_harnesses(findings);
  int warnings = 0;
  int fatal = 0;
  for (const auto& finding : findings) {
    print(finding);
    warnings += finding.level == kWarning ? 1 : 0;
    fatal += finding.level == kFatal ? 1 : 0;
  }
  fmt::print("\n{} warnings, {} obstacles\n", warnings, fatal);
  return fatal > 0 ? 1 : 0;
}

}  // namespace posbench
