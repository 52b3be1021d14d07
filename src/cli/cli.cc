#include "cli/cli.h"

#include <fmt/format.h>

#include <exception>
#include <new>

#include "base/error.h"
#include "base/nearest.h"
#include "record/version.h"

namespace posbench {
namespace {

struct Command {
  std::string name;
  std::string about;
  int (*run)(const std::vector<std::string>& arguments);
};

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"run", "run studies and write their records", run_command},
      {"report", "turn records into verdicts, HTML, PDF and CSV", report_command},
      {"list", "list encodings, systems, tasks, datasets, studies or claims", list_command},
      {"data", "fetch, verify, list or show data sets", data_command},
      {"conformance", "compare encodings, or a table of yours, with their papers",
       conformance_command},
      {"doctor", "tell what about this machine makes numbers untrustworthy", doctor_command},
  };
  return all;
}

void print_help() {
  fmt::print(
      "posbench measures which position encoding a small transformer encoder should use on a "
      "CPU.\n\n"
      "Usage: posbench COMMAND [ARGUMENT…]\n\nCommands:\n");
  for (const auto& command : commands()) fmt::print("  {:<11} {}\n", command.name, command.about);
  fmt::print(
      "\n  --help     this text; `posbench COMMAND --help` tells about one command\n"
      "  --version  version, commit and compiler of this build\n\n"
      "Exit code: 0 done, 1 something is missing or failed, 2 bad input.\n\n"
      "Examples:\n"
      "  posbench doctor\n"
      "  posbench data fetch\n"
      "  posbench run --profile quick --out out/quick\n"
      "  posbench report out/quick --out out/quick-report\n");
}

int dispatch(const std::vector<std::string>& arguments) {
  const std::string first = arguments.empty() ? "--help" : arguments.front();
  if (first == "--help" || first == "-h") {
    print_help();
    return arguments.empty() ? 2 : 0;
  }
  if (first == "--version") {
    fmt::print("posbench {} ({}{}), {}\n", kVersion.version, kVersion.commit.substr(0, 12),
               kVersion.dirty ? ", changed since" : "", kVersion.compiler);
    return 0;
  }
  std::vector<std::string> names;
  for (const auto& command : commands()) {
    if (command.name == first) return command.run({arguments.begin() + 1, arguments.end()});
    names.push_back(command.name);
  }
  if (first.starts_with('-')) throw UserError(unknown_word("flag", first, {"--help", "--version"}));
  throw UserError(unknown_word("command", first, names));
}

}  // namespace

int posbench_main(const std::vector<std::string>& arguments) {
  try {
    return dispatch(arguments);
  } catch (const UserError& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: not enough memory\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}

}  // namespace posbench
