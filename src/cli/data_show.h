// What a person wants to know of a data set before training on it.
#pragma once

#include <string>

namespace posbench {

/// Prints the sides, labels, lengths and some examples of a data set that is here. Throws what
/// load_dataset throws.
void show_dataset(const std::string& name_or_path);

}  // namespace posbench
