// Child processes, started without a shell in between. A harness is always a process of its own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace posbench {

/// Whether PATH holds a program of this name.
bool has_program(const std::string& name);

/// The binary of that name beside the running one. Throws UserError where it is not there.
std::filesystem::path sibling_binary(const std::string& name);

/// Starts a program (by path, or by name through PATH) with nothing to read. Its standard output
/// goes to the file `output`, its standard error to the file `errors`; both may be one file; an
/// empty path leaves a stream on ours. Throws UserError where it cannot be started.
pid_t start_process(const std::vector<std::string>& command, const std::filesystem::path& output,
                    const std::filesystem::path& errors);

/// Waits for one process, or for whichever ends first: its id and exit code, 128 + the signal's
/// number where a signal ended it.
int wait_for(pid_t process);
std::pair<pid_t, int> wait_for_any();

struct ProcessOutput {
  int exit_code;
  std::string output;
  std::string errors;
};

/// Starts, waits, and returns what it printed.
ProcessOutput run_process(const std::vector<std::string>& command);

}  // namespace posbench
