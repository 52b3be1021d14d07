// What every arm of peer_cost computes, as files of one folder: the same shape, weights, batches
// and recipe for all.
//
//   job.json     trains, precision, shape, system (its name, and how it differs from others beyond
//                its weights), encoding, convention, optimizer
//   weights.bin  initial weights, see encoder/weights.h
//   batches.bin  int32: number of batches; then each: S, lengths (S), tokens (T), labels (T)
//   scored.bin   the same, batches to be scored after an epoch; may be none
#pragma once

#include <filesystem>
#include <vector>

#include "encoder/encoder.h"
#include "encoder/optimizer.h"

namespace posbench {

struct Job {
  EncoderOptions options;
  OptimizerOptions optimizer;
  bool trains;
  std::vector<Batch> batches;  ///< packed; every token has a label
  std::vector<Batch> scored;
};

/// The job's options, once the memory for them is known to be there. Throws UserError naming the
/// bytes needed and available.
const EncoderOptions& fitting_options(const Job& job);

/// Writes a job; the weights are what an encoder of these options starts from.
void write_job(const Job& job, const std::filesystem::path& folder);

/// Reads it back, but for what only matters to the start: the weights stay a file. Throws UserError
/// for files that are not a whole job.
Job read_job(const std::filesystem::path& folder);

}  // namespace posbench
