// Raffel et al. 2020, T5, §2.1: a trained number for each head and bucket of distances, added to
// the scores, shared by all layers. T5 does not scale scores by 1/√size and starts its weights
// smaller instead; here the scores are scaled as everybody's are, and the bias is not.
#include "encoding/t5_bias.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/random.h"
#include "encoding/distance_bias.h"
#include "encoding/registry.h"

namespace posbench {
namespace {

template <class Real>
class T5Bias : public DistanceBias<Real> {
 public:
  explicit T5Bias(const EncodingOptions& options)
      : DistanceBias<Real>(options),
        causal_(options.causal),
        deviation_(options.position_rms > 0.0 ? options.position_rms : 0.02),
        seed_(options.seed),
        gradients_(this->bias_.size()) {}

  MatrixSize shared_size() const override { return {kT5Buckets, this->heads_}; }

  void initialize(Real* shared) const override {
    Random random(seed_, "position");
    for (std::size_t i = 0; i < shared_size().count(); ++i) {
      shared[i] = static_cast<Real>(deviation_ * random.normal());
    }
  }

  void begin_pass(const PositionValues<const Real>& values, std::size_t /*longest*/,
                  bool trains) override {
    this->for_each([&](std::size_t head, long distance, std::size_t at) {
      this->bias_[at] = values.shared[place(head, distance)];
    });
    if (trains) std::ranges::fill(gradients_, Real{0});
  }

  ScoreTermGradients<Real> term_gradients(std::size_t /*layer*/) override {
    return {.by_distance = gradients_.data()};
  }

  void end_pass(const PositionValues<const Real>& /*values*/,
                const PositionValues<Real>& gradients) override {
    this->for_each([&](std::size_t head, long distance, std::size_t at) {
      gradients.shared[place(head, distance)] += gradients_[at];
    });
  }

  std::size_t scratch_bytes() const override { return gradients_.size() * sizeof(Real); }

 private:
  std::size_t place(std::size_t head, long distance) const {
    return static_cast<std::size_t>(t5_bucket(distance, causal_)) * this->heads_ + head;
  }

  bool causal_;
  double deviation_;
  std::uint64_t seed_;
  std::vector<Real> gradients_;  // of bias_, gathered over a step
};

const bool kRegistered = register_encoding<T5Bias>(
    {.name = "t5_bias",
     .about = "a trained number per head for each of 32 buckets of distances (Raffel 2020)",
     .place = EncodingPlace::scores,
     .absolute = false});

}  // namespace

int t5_bucket(long distance, bool causal) {
  const int side = causal ? kT5Buckets : kT5Buckets / 2;
  const int first = !causal && distance > 0 ? side : 0;
  const long steps = causal ? std::max(-distance, 0L) : std::abs(distance);
  const int single = side / 2;
  if (steps < single) return first + static_cast<int>(steps);
  const double share = std::log(static_cast<double>(steps) / single) /
                       std::log(static_cast<double>(kT5Distance) / single);
  return first + std::min(single + static_cast<int>(share * (side - single)), side - 1);
}

}  // namespace posbench
