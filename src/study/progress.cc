#include "study/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace posbench {
namespace {

// A log gets a line this often, a terminal is drawn anew with every trial.
constexpr std::chrono::seconds kBetweenLines{10};
constexpr int kBarWidth = 30;

std::string duration(double seconds) {
  const int whole = static_cast<int>(std::lround(seconds));
  return whole < 60 ? fmt::format("{} s", whole)
                    : fmt::format("{} min {:02} s", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::size_t trials, double total_core_seconds, int lanes)
    : trials_(trials),
      total_(total_core_seconds),
      lanes_(lanes),
      terminal_(isatty(STDERR_FILENO) != 0),
      last_line_(start_) {
  print("");
}

void Progress::advance(double core_seconds, const std::string& what) {
  ++done_;
  done_core_seconds_ += core_seconds;
  const auto now = Clock::now();
  if (!terminal_ && done_ < trials_ && now - last_line_ < kBetweenLines) return;
  last_line_ = now;
  print(what);
}

void Progress::finish() {
  if (terminal_) std::fputc('\n', stderr);
}

// The study's own estimate until a trial has shown this machine's speed.
double Progress::seconds_left() const {
  const double left = total_ - done_core_seconds_;
  if (done_core_seconds_ <= 0) return left / lanes_;
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  return elapsed * left / done_core_seconds_;
}

void Progress::print(const std::string& what) {
  const double share = total_ > 0 ? done_core_seconds_ / total_ : 1.0;
  const std::string state = fmt::format("{}/{} trials, about {} left", done_, trials_,
                                        duration(std::max(0.0, seconds_left())));
  if (terminal_) {
    const int filled = std::clamp(static_cast<int>(share * kBarWidth), 0, kBarWidth);
    fmt::print(stderr, "\r\033[K[{:<{}}] {}  {}",
               std::string(static_cast<std::size_t>(filled), '#'), kBarWidth, state, what);
  } else {
    fmt::print(stderr, "  {}  {}\n", state, what);
  }
  std::fflush(stderr);
}

}  // namespace posbench
