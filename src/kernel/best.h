// Which kernel is fastest depends on the shape; these rules say which to take. They know the shape
// and the sizes of the caches, nothing of the caches' contents. Fitted by hand on one run of the
// benchmark (see README), scored on others.
#pragma once

#include <string_view>

#include "kernel/sum.h"
#include "kernel/topology.h"

namespace posbench {

/// The name of the lookup kernel for y = x + rows of a table, as encoding_cost names it.
std::string_view best_lookup(BatchShape shape, bool in_place, CacheSizes caches);
/// The name of the kernel that computes the rows of a sinusoid.
std::string_view best_computed(BatchShape shape, bool in_place, CacheSizes caches);

/// The same rules in a sentence.
extern const std::string_view kBestLookupRule;
extern const std::string_view kBestComputedRule;

}  // namespace posbench
