#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/files.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;

std::pair<pid_t, int> wait(pid_t which) {
  int status = 0;
  pid_t child = -1;
  while ((child = waitpid(which, &status, 0)) < 0) {
    if (errno != EINTR) throw UserError(fmt::format("lost a process: {}", std::strerror(errno)));
  }
  return {child, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)};
}

}  // namespace

bool has_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    if (access((fs::path(rest.substr(0, end)) / name).c_str(), X_OK) == 0) return true;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return false;
}

fs::path sibling_binary(const std::string& name) {
  const fs::path file = fs::read_symlink("/proc/self/exe").parent_path() / name;
  if (!fs::exists(file)) {
    throw UserError(fmt::format("{} is not there; build it (ci/quickstart does)", file.string()));
  }
  return file;
}

pid_t start_process(const std::vector<std::string>& command, const fs::path& output,
                    const fs::path& errors) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const auto redirect = [&](int stream, const fs::path& file) {
    if (file.empty()) return;
    posix_spawn_file_actions_addopen(&actions, stream, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0666);
  };
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  redirect(STDOUT_FILENO, output);
  if (errors == output && !output.empty()) {
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  } else {
    redirect(STDERR_FILENO, errors);
  }
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw UserError(fmt::format("cannot start {}: {}", command[0], std::strerror(error)));
  }
  return child;
}

int wait_for(pid_t process) { return wait(process).second; }

std::pair<pid_t, int> wait_for_any() { return wait(-1); }

ProcessOutput run_process(const std::vector<std::string>& command) {
  const fs::path base = fs::temp_directory_path() / fmt::format("posbench-{}", getpid());
  const fs::path output = base.string() + ".out", errors = base.string() + ".err";
  const int code = wait_for(start_process(command, output, errors));
  ProcessOutput result{code, read_file(output), read_file(errors)};
  fs::remove(output);
  fs::remove(errors);
  return result;
}

}  // namespace posbench
