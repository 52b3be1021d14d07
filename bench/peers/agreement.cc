#include "peers/agreement.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "base/files.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kComparedSteps = 3;

std::vector<float> outputs_of(Worker& worker, const fs::path& folder) {
  const fs::path file = folder / (worker.name() + ".outputs");
  worker.ask("outputs", file.string());
  const std::string bytes = read_file(file);
  std::vector<float> outputs(bytes.size() / sizeof(float));
  std::memcpy(outputs.data(), bytes.data(), outputs.size() * sizeof(float));
  return outputs;
}

// The largest difference over the root mean square; not a number where there is one.
double difference(const std::vector<float>& ours, const std::vector<float>& theirs) {
  if (ours.size() != theirs.size() || ours.empty()) return NAN;
  double largest = 0, squares = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double apart = std::abs(static_cast<double>(ours[i]) - static_cast<double>(theirs[i]));
    if (!(apart <= largest)) largest = apart;
    if (std::isnan(largest)) return NAN;
    squares += static_cast<double>(ours[i]) * static_cast<double>(ours[i]);
  }
  return largest / std::sqrt(squares / static_cast<double>(ours.size()));
}

double difference(const std::vector<double>& ours, const std::vector<double>& theirs) {
  if (ours.size() != theirs.size()) return NAN;
  double largest = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double apart = std::abs(ours[i] - theirs[i]) / std::abs(ours[i]);
    if (!(apart <= largest)) largest = apart;
  }
  return largest;
}

void require(double apart, double bound, const Worker& theirs, const Worker& ours,
             const char* what) {
  if (apart <= bound) return;  // NaN is not
  throw std::runtime_error(
      fmt::format("{} and {} do not compute the same: {} differ by {:.3g}, more than {:.3g}; no "
                  "time is kept",
                  theirs.name(), ours.name(), what, apart, bound));
}

}  // namespace

Tolerance tolerance_of(const std::string& precision) {
  if (precision == "f32") return {1e-4, 1e-4, 0.005};
  return {0.1, 0.01, 0.01};
}

json require_agreement(const Workers& workers, bool trains, const Tolerance& tolerance,
                       const fs::path& folder) {
  Worker& ours = *workers.front();
  json agreement = {{"tolerance",
                     {{"outputs", tolerance.outputs},
                      {"losses", tolerance.losses},
                      {"accuracy", tolerance.accuracy}}}};
  const std::vector<float> outputs = outputs_of(ours, folder);
  for (std::size_t i = 1; i < workers.size(); ++i) {
    const double apart = difference(outputs, outputs_of(*workers[i], folder));
    require(apart, tolerance.outputs, *workers[i], ours, "logits relative to their size");
    agreement["outputs"][workers[i]->name()] = apart;
  }
  if (trains) {
    const std::string steps = std::to_string(kComparedSteps);
    const std::vector<double> losses = ours.ask_numbers("losses", steps);
    agreement["first_losses"] = losses;
    for (std::size_t i = 1; i < workers.size(); ++i) {
      const double apart = difference(losses, workers[i]->ask_numbers("losses", steps));
      require(apart, tolerance.losses, *workers[i], ours, "losses of the first steps");
      agreement["losses"][workers[i]->name()] = apart;
    }
  }
  for (const auto& worker : workers) worker->ask("reset");
  return agreement;
}

json require_equal_scores(const Workers& workers, const Tolerance& tolerance) {
  json scores = json::object();
  double ours = 0;
  for (const auto& worker : workers) {
    const std::vector<double> counts = worker->ask_numbers("score");
    if (counts.size() != 2) throw std::runtime_error(worker->name() + " gave no score");
    const double accuracy = counts[0] / counts[1];
    if (worker == workers.front()) ours = accuracy;
    require(std::abs(accuracy - ours), tolerance.accuracy, *worker, *workers.front(), "scores");
    scores[worker->name()] = accuracy;
  }
  return scores;
}

}  // namespace posbench
