// From the values of a spec to a job.
#pragma once

#include <nlohmann/json.hpp>

#include "peers/job.h"

namespace posbench {

/// The `work` of a spec: `forward` or `train` on one batch of random sequences, or `epoch`, a pass
/// over a data set's training side. An epoch's sentences are sorted into batches of equal lengths
/// as far as that goes, so that who pads wastes little; the batches come in random order. Throws
/// UserError for what cannot be, MissingData for a data set that is not here.
Job job_of(const nlohmann::json& spec);

/// Data set name -> digest: what the work reads.
nlohmann::json datasets_of(const nlohmann::json& spec);

}  // namespace posbench
