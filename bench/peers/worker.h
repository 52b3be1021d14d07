// A process that computes a job beside others: started once, it stands still until it is asked.
//
// A worker reads commands from standard input and answers each with one line on standard output:
// the command again and what it says, or `error` and a reason. Before the first command it says
// `ready {…}` (JSON: versions, tuning, loaded_bytes). At the end of input it ends.
//
// - run N: N calls, the next N batches of the list; CPU nanoseconds
// - outputs FILE: a forward pass of the first batch; the file gets its logits, f32 (R, classes)
// - losses N: N training steps; their losses
// - score: a forward pass of each scored batch; correct tokens, all tokens
// - reset: back to the initial weights and the first batch
// - memory: bytes of the largest resident size so far
// - parts: JSON, each part's share of the time since the reset (posbench only)
//
// The nanoseconds are CPU time of the whole process: no worker pays for what runs beside it. A
// forward pass (always of the first batch) runs once before the clock starts, so that each finds
// the caches as it leaves them and not as another worker does; a training step fills them anyway.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace posbench {

struct WorkerCommand {
  std::vector<std::string> words;        ///< program and arguments
  std::vector<std::string> environment;  ///< NAME=VALUE, all of it
};

class Worker {
 public:
  /// Starts the process and waits until it is ready. Its standard error goes to the file `log`.
  /// Throws std::runtime_error, naming the worker, where it does not start, ends, says an error or
  /// something else, or is silent for ten minutes; so does ask.
  Worker(std::string name, const WorkerCommand& command, std::filesystem::path log);
  /// Ends the input and waits; kills a worker that then stays.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  const std::string& name() const { return name_; }
  /// What it said when it was ready.
  const nlohmann::json& about() const { return about_; }

  /// Asks and returns the answer without the command's word.
  std::string ask(std::string_view command, const std::string& argument = "");

  /// The same for answers of numbers, separated by blanks.
  std::vector<double> ask_numbers(std::string_view command, const std::string& argument = "");

 private:
  std::string answer_to(std::string_view command);
  std::string read_line();
  [[noreturn]] void fail(const std::string& what) const;
  void stop();

  std::string name_;
  std::filesystem::path log_;
  pid_t process_ = -1;
  int channel_ = -1;  // our end of the socket that is its standard input and output
  std::string unread_;
  nlohmann::json about_;
};

}  // namespace posbench
