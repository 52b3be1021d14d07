// Press et al. 2022, "Train Short, Test Long": no position vectors; a score loses its head's slope
// for each step between query and key. The bias comes behind the scaling by 1/√size and is not
// scaled. The paper's models are causal; an encoder takes the distance on either side.
#include "encoding/alibi.h"

#include <bit>
#include <cmath>
#include <cstdlib>

#include "encoding/distance_bias.h"
#include "encoding/registry.h"

namespace posbench {
namespace {

std::vector<double> slopes_of_power(unsigned heads) {
  std::vector<double> slopes;
  for (unsigned h = 1; h <= heads; ++h) slopes.push_back(std::exp2(-8.0 * h / heads));
  return slopes;
}

template <class Real>
class Alibi : public DistanceBias<Real> {
 public:
  explicit Alibi(const EncodingOptions& options) : DistanceBias<Real>(options) {
    const std::vector<double> slopes = alibi_slopes(options.heads);
    this->for_each([&](std::size_t head, long distance, std::size_t at) {
      this->bias_[at] = static_cast<Real>(-slopes[head] * static_cast<double>(std::abs(distance)));
    });
  }
};

const bool kRegistered = register_encoding<Alibi>(
    {.name = "alibi",
     .about = "scores lose a fixed slope per head for each step of distance (Press 2022)",
     .place = EncodingPlace::scores,
     .absolute = false});

}  // namespace

std::vector<double> alibi_slopes(int heads) {
  const auto count = static_cast<unsigned>(heads), below = std::bit_floor(count);
  std::vector<double> slopes = slopes_of_power(below);
  const std::vector<double> above = slopes_of_power(2 * below);
  for (unsigned i = 0; slopes.size() < count; i += 2) slopes.push_back(above[i]);
  return slopes;
}

}  // namespace posbench
