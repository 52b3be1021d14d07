// Our worker of peer_cost (see worker.h): a process of its own, so that its memory is its own.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <sstream>

#include "base/files.h"
#include "encoder/weights.h"
#include "kernel/isa.h"
#include "peers/job.h"
#include "record/version.h"

namespace posbench {
namespace {
using nlohmann::json;

std::uint64_t cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return 1024 * kib;
  }
  throw std::runtime_error("/proc/self/status has no VmHWM");
}

class Trial {
 public:
  explicit Trial(const std::filesystem::path& folder)
      : folder_(folder), job_(read_job(folder)), encoder_(fitting_options(job_)) {
    reset();
  }

  std::string answer(const std::string& command, const std::string& argument) {
    if (command == "run") return std::to_string(run(std::stoi(argument)));
    if (command == "losses") return losses(std::stoi(argument));
    if (command == "outputs") return outputs(argument);
    if (command == "score") return score();
    if (command == "reset") return reset();
    if (command == "parts") return parts();
    if (command == "memory") return std::to_string(peak_bytes());
    throw std::runtime_error(fmt::format("no command '{}'", command));
  }

 private:
  double step() {
    const double loss = encoder_.loss_and_gradients(job_.batches[next_ % job_.batches.size()]);
    optimizer_->step(encoder_);
    ++next_;
    return loss;
  }

  std::uint64_t run(int calls) {
    const auto call = [&] {
      if (job_.trains) {
        step();
      } else {
        encoder_.forward(job_.batches.front());
      }
    };
    if (!job_.trains) call();
    const std::uint64_t start = cpu_ns();
    for (int i = 0; i < calls; ++i) call();
    return cpu_ns() - start;
  }

  std::string losses(int steps) {
    std::string text;
    for (int i = 0; i < steps; ++i) text += fmt::format("{}{}", i > 0 ? " " : "", step());
    return text;
  }

  std::string outputs(const std::string& file) {
    const Batch& batch = job_.batches.front();
    const auto size = batch.rows.size() * static_cast<std::size_t>(job_.options.shape.classes);
    const float* logits = encoder_.forward(batch);
    write_file_atomically(file, {reinterpret_cast<const char*>(logits), size * sizeof(float)});
    return "";
  }

  std::string score() {
    const auto classes = static_cast<std::size_t>(job_.options.shape.classes);
    std::size_t correct = 0, all = 0;
    for (const Batch& batch : job_.scored) {
      const float* logits = encoder_.forward(batch);
      for (std::size_t r = 0; r < batch.rows.size(); ++r) {
        const std::span row(logits + r * classes, classes);
        const auto guess = std::distance(row.begin(), std::ranges::max_element(row));
        correct += guess == batch.labels[r] ? 1 : 0;
      }
      all += batch.rows.size();
    }
    return fmt::format("{} {}", correct, all);
  }

  std::string parts() {
    const Parts taken = encoder_.take_parts();
    const auto all = static_cast<double>(std::reduce(taken.ns.begin(), taken.ns.end()));
    json shares;
    for (std::size_t i = 0; i < kParts; ++i) {
      shares[std::string(kPartNames[i])] = static_cast<double>(taken.ns[i]) / all;
    }
    return shares.dump();
  }

  std::string reset() {
    // The moments of before make room first: two states at once would be a peak that no training
    // has.
    optimizer_.reset();
    unpack_weights(read_file(folder_ / "weights.bin"), encoder_.layout(), encoder_.parameters());
    encoder_.parameters_changed();
    if (job_.trains) optimizer_.emplace(job_.optimizer, encoder_.layout());
    next_ = 0;
    encoder_.take_parts();
    return "";
  }

  std::filesystem::path folder_;
  Job job_;
  Encoder<float> encoder_;
  std::optional<Optimizer<float>> optimizer_;  // where it trains
  std::size_t next_ = 0;
};

int serve(const std::filesystem::path& folder) {
  const std::uint64_t loaded = peak_bytes();
  Trial trial(folder);
  const json about = {{"versions", {{"posbench", kVersion.version}, {"commit", kVersion.commit}}},
                      {"tuning", {{"isa", effective_isa()}}},
                      {"loaded_bytes", loaded}};
  fmt::print("ready {}\n", about.dump());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command, argument;
    words >> command >> argument;
    try {
      fmt::print("{} {}\n", command, trial.answer(command, argument));
    } catch (const std::exception& error) {
      fmt::print("error {}\n", error.what());
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr,
               "error: a worker of peer_cost, which starts it; usage: posbench_worker JOB\n");
    return 2;
  }
  try {
    return posbench::serve(argv[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
