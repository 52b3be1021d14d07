// posbench report RUN… --out DIR: starts the Python package `report` with an interpreter that has
// its modules.
#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "base/options.h"
#include "base/process.h"
#include "cli/cli.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
namespace po = boost::program_options;

std::string report_python() {
  const ProcessOutput probe = run_process({(home_folder() / "ci" / "report-python").string()});
  if (probe.exit_code != 0) throw UserError(probe.errors.substr(0, probe.errors.find('\n')));
  return probe.output.substr(0, probe.output.find('\n'));
}

}  // namespace

int report_command(const std::vector<std::string>& arguments) {
  po::options_description flags("Flags");
  flags.add_options()(
      "out", po::value<std::string>()->value_name("DIR"),
      "folder for index.html, report.pdf, verdicts.md, verdicts.csv and tables/*.csv")("help,h",
                                                                                       "this text");
  po::options_description all;
  all.add(flags).add_options()("run", po::value<std::vector<std::string>>(), "");
  po::positional_options_description positions;
  positions.add("run", -1);
  const auto values = parse_options(arguments, all, positions);
  if (values.count("help")) {
    std::cout << "Usage: posbench report RUN… --out DIR\n\n"
                 "Turns the records of run directories into verdicts, tables and charts. Accuracy "
                 "records of several\n"
                 "runs mix where the engine behaves alike; timing records only from one machine "
                 "and build.\n\n"
              << flags << "\nExamples:\n  posbench report out/quick --out out/quick-report\n";
    return 0;
  }
  if (!values.count("run"))
    throw UserError("say which run directory to report: posbench report RUN --out DIR");
  if (!values.count("out")) throw UserError("--out is missing: the folder for the report");
  std::vector<std::string> command = {"env", "PYTHONPATH=" + home_folder().string(),
                                      report_python(), "-m", "report"};
  for (const auto& run : values["run"].as<std::vector<std::string>>()) {
    command.push_back(fs::absolute(run));
  }
  command.insert(command.end(), {"--out", fs::absolute(values["out"].as<std::string>())});
  return wait_for(start_process(command, "", ""));
}

}  // namespace posbench
