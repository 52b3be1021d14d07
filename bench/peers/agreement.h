// No time is kept before all arms have computed the same.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "peers/worker.h"

namespace posbench {

/// How far results may lie apart that should be equal.
struct Tolerance {
  double outputs;   ///< largest difference of two logits over the root mean square of all
  double losses;    ///< of each of the first training steps, relative
  double accuracy;  ///< share of correct tokens after an epoch
};

/// f32: sums in another order, some 1e-6 of a logit. bf16: eight bits of mantissa, rounded at
/// different places by each arm. An epoch makes different weights of either, and a score moves by
/// what two seeds would differ at least.
Tolerance tolerance_of(const std::string& precision);

using Workers = std::vector<std::unique_ptr<Worker>>;

/// Compares every worker with the first: logits of the first batch, where `trains` the losses of
/// the first three steps too. Leaves all as after `reset`. Returns {tolerance, outputs: {arm:
/// largest difference}, losses: {…}, first_losses}. Throws std::runtime_error for the arm that
/// disagrees, saying by how much.
nlohmann::json require_agreement(const Workers& workers, bool trains, const Tolerance& tolerance,
                                 const std::filesystem::path& folder);

/// Scores the development batches; {arm: accuracy}. Throws std::runtime_error like the above.
nlohmann::json require_equal_scores(const Workers& workers, const Tolerance& tolerance);

}  // namespace posbench
