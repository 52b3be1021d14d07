// The command line `posbench`: one file per subcommand, one line per subcommand in cli.cc.
#pragma once

#include <string>
#include <vector>

namespace posbench {

/// A subcommand gets what stands behind its name and returns the exit code: 0, or 2 for bad input.
/// It may throw UserError, which becomes `error: …` and 2.
int run_command(const std::vector<std::string>& arguments);
int report_command(const std::vector<std::string>& arguments);
int list_command(const std::vector<std::string>& arguments);
int data_command(const std::vector<std::string>& arguments);
int conformance_command(const std::vector<std::string>& arguments);
int doctor_command(const std::vector<std::string>& arguments);

/// The whole program, given the arguments behind its name.
int posbench_main(const std::vector<std::string>& arguments);

}  // namespace posbench
