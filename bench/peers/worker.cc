#include "peers/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "base/files.h"

namespace posbench {
namespace {

constexpr int kPatienceMs = 600'000;
constexpr int kFarewellMs = 5'000;

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

// The last lines of a log: where a traceback says what happened.
std::string tail(const std::filesystem::path& log) {
  constexpr std::size_t kLength = 400;
  std::string text = read_file(log);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.size() > kLength) text = "…" + text.substr(text.size() - kLength);
  return text.empty() ? "it left no message" : text;
}

}  // namespace

Worker::Worker(std::string name, const WorkerCommand& command, std::filesystem::path log)
    : name_(std::move(name)), log_(std::move(log)) {
  // A socket instead of two pipes: writing to a worker that has ended is an error, not a signal.
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::runtime_error(fmt::format("{}: no socket: {}", name_, std::strerror(errno)));
  }
  channel_ = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log_.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0666);
  std::vector<char*> words = pointers(command.words);
  std::vector<char*> environment = pointers(command.environment);
  const int error =
      posix_spawnp(&process_, words[0], &actions, nullptr, words.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(channel_);
    throw std::runtime_error(
        fmt::format("{}: cannot start {}: {}", name_, command.words[0], std::strerror(error)));
  }
  try {
    about_ = nlohmann::json::parse(answer_to("ready"), nullptr, /*allow_exceptions=*/false);
    if (!about_.is_object()) fail("does not say what it is");
  } catch (...) {
    stop();
    throw;
  }
}

Worker::~Worker() { stop(); }

void Worker::stop() {
  shutdown(channel_, SHUT_WR);
  // Its end of the socket closes when it ends.
  for (pollfd ending{channel_, POLLIN, 0}; poll(&ending, 1, kFarewellMs) > 0;) {
    std::array<char, 256> rest{};
    if (read(channel_, rest.data(), rest.size()) <= 0) break;
  }
  close(channel_);
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::string Worker::ask(std::string_view command, const std::string& argument) {
  const std::string line = fmt::format("{} {}\n", command, argument);
  if (send(channel_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
    fail(fmt::format("ended before '{}'; {}", command, tail(log_)));
  }
  return answer_to(command);
}

std::vector<double> Worker::ask_numbers(std::string_view command, const std::string& argument) {
  const std::string answer = ask(command, argument);
  std::istringstream text(answer);
  std::vector<double> numbers;
  for (std::string word; text >> word;) {
    // Not `text >> number`: a loss may be "nan".
    char* end = nullptr;
    numbers.push_back(std::strtod(word.c_str(), &end));
    if (*end != '\0') fail(fmt::format("answered '{}' with '{}', not numbers", command, answer));
  }
  if (numbers.empty()) fail(fmt::format("answered '{}' without a number", command));
  return numbers;
}

std::string Worker::answer_to(std::string_view command) {
  const std::string line = read_line();
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string word = line.substr(0, blank);
  std::string rest = line.substr(std::min(blank + 1, line.size()));
  if (word == "error") fail(fmt::format("could not do '{}': {}", command, rest));
  if (word != command) fail(fmt::format("answered '{}' with '{}'", command, line));
  return rest;
}

std::string Worker::read_line() {
  std::size_t end = std::string::npos;
  while ((end = unread_.find('\n')) == std::string::npos) {
    pollfd reading{channel_, POLLIN, 0};
    const int ready = poll(&reading, 1, kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) fail(fmt::format("has been silent for {} s", kPatienceMs / 1000));
    std::array<char, 4096> bytes{};
    const ssize_t n = read(channel_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(fmt::format("ended without an answer; {}", tail(log_)));
    unread_.append(bytes.data(), static_cast<std::size_t>(n));
  }
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

void Worker::fail(const std::string& what) const {
  throw std::runtime_error(fmt::format("peer {} {}", name_, what));
}

}  // namespace posbench
