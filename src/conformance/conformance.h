// Does each encoding here compute what its paper and the code that people deploy compute, and what
// breaks where one convention is taken for its neighbour?
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace posbench {

/// A convention of an encoding: what the encoding here makes of it, and its neighbour.
struct Conformance {
  std::string encoding;
  std::string convention;
  std::string used_by;   ///< papers and code that were read for it; empty: none were
  std::string compared;  ///< what the numbers are of: table, rotation, bias, bucket or row
  std::string shape;
  /// Largest absolute difference of what the encoding makes in f32 from the reference; none where
  /// no encoding here has the convention.
  std::optional<double> error;
  std::string neighbour;  ///< the convention that it may be taken for
  double difference;      ///< the largest absolute one from the neighbour's reference
  /// The same once the neighbour's columns are brought into this order; 0: a layout alone, which
  /// trained weights can absorb. None where no permutation could help.
  std::optional<double> permuted;
};

/// All conventions, those of one encoding beside each other. Takes a fraction of a second.
std::vector<Conformance> conformance();

}  // namespace posbench
