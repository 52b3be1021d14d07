// Progress of long work with an estimate of what is left: a bar on a terminal, lines in a log.
#pragma once

#include <chrono>
#include <string>

namespace posbench {

class Progress {
 public:
  /// `total_core_seconds` of work lie ahead, done `lanes` at a time.
  Progress(std::size_t trials, double total_core_seconds, int lanes);

  /// One more trial is done that was estimated at `core_seconds`.
  void advance(double core_seconds, const std::string& what);
  /// Ends the bar's line.
  void finish();

 private:
  void print(const std::string& what);
  double seconds_left() const;

  using Clock = std::chrono::steady_clock;
  std::size_t trials_;
  std::size_t done_ = 0;
  double total_;
  double done_core_seconds_ = 0;
  int lanes_;
  bool terminal_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_line_;
};

}  // namespace posbench
