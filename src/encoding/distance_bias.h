// Encodings that add a number to each score, by distance: they hold the bias of a pass.
#pragma once

#include <vector>

#include "encoding/encoding.h"

namespace posbench {

/// A bias (H, 2 · max_length − 1), by distance j − i from −(max_length − 1) on.
template <class Real>
class DistanceBias : public Encoding<Real> {
 public:
  explicit DistanceBias(const EncodingOptions& options)
      : heads_(static_cast<std::size_t>(options.heads)),
        reach_(options.max_length),
        bias_(heads_ * width()) {}

  ScoreTerms<Real> terms(std::size_t /*layer*/) const override {
    ScoreTerms<Real> terms;
    terms.by_distance = {bias_.data(), reach_};
    return terms;
  }

  std::size_t table_bytes() const override { return bias_.size() * sizeof(Real); }

 protected:
  std::size_t width() const { return 2 * static_cast<std::size_t>(reach_) - 1; }

  /// Calls body(head, distance, where both stand in a bias).
  template <class Body>
  void for_each(Body body) const {
    for (std::size_t head = 0; head < heads_; ++head) {
      for (long distance = 1 - reach_; distance < reach_; ++distance) {
        body(head, distance, head * width() + static_cast<std::size_t>(distance + reach_ - 1));
      }
    }
  }

  std::size_t heads_;
  long reach_;
  std::vector<Real> bias_;
};

}  // namespace posbench
