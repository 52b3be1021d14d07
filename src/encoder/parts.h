// Where the time of a step goes: nanoseconds by part of the encoder.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace posbench {

enum class Part : std::size_t {
  embedding,     ///< token rows: gather and scatter
  position,      ///< the encoding's own operation, forward and backward
  projections,   ///< of queries, keys, values and the context
  scores,        ///< attention between the projections: scores, softmax, sum of values
  feed_forward,  ///< two products and gelu
  norm,          ///< layer norms with the bias and the residual sum in front of them
  head,          ///< labelled rows, their product, softmax and loss
  optimizer,     ///< clipping and AdamW
};
constexpr std::size_t kParts = 8;
constexpr std::array<std::string_view, kParts> kPartNames = {
    "embedding", "position", "projections", "scores", "feed_forward", "norm", "head", "optimizer"};

struct Parts {
  std::array<std::uint64_t, kParts> ns{};
  std::array<std::uint64_t, kParts> stamps{};  ///< time stamps inside ns, each of which costs some

  std::uint64_t operator[](Part part) const { return ns[static_cast<std::size_t>(part)]; }
};

/// Divides the time that passes among parts: what has passed since the last stamp belongs to the
/// part that is named now.
class PartClock {
 public:
  void start() { last_ = Clock::now(); }

  void lap(Part part) {
    const Clock::time_point now = Clock::now();
    const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(now - last_).count();
    sums_.ns[static_cast<std::size_t>(part)] += static_cast<std::uint64_t>(passed);
    ++sums_.stamps[static_cast<std::size_t>(part)];
    last_ = now;
  }

  /// The sums since the last call.
  Parts take() {
    const Parts taken = sums_;
    sums_ = {};
    return taken;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point last_;
  Parts sums_;
};

}  // namespace posbench
