// Su et al. 2021, RoFormer: queries and keys turn by their position, so that a score depends on the
// distance alone. Planes are made of neighbours (`pairs`: the paper, GPT-J) or of columns half a
// head apart (`halves`: GPT-NeoX): the same up to a permutation of the columns of W_Q and W_K, so
// weights trained with one are of no use to the other. `halves_quarter` turns the first quarter of
// each head and leaves the rest, as GPT-NeoX does.
#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "encoding/registry.h"

namespace posbench {
namespace {

template <class Real>
class Rope : public Encoding<Real> {
 public:
  explicit Rope(const EncodingOptions& options) {
    const bool quarter = options.convention == "halves_quarter";
    const auto size = static_cast<std::size_t>(options.hidden / options.heads);
    const std::size_t rotated = quarter ? size / 4 : size;
    if (rotated == 0 || rotated % 2 != 0) {
      throw UserError(fmt::format(
          "rope turns pairs of columns, and {} of a head of {} are not pairs; choose hidden and "
          "heads so that hidden / heads is a multiple of {}",
          rotated, size, quarter ? 8 : 2));
    }
    const auto rows = static_cast<std::size_t>(options.max_length);
    cosines_.reserve(rows * rotated / 2);
    sines_.reserve(rows * rotated / 2);
    for (std::size_t t = 0; t < rows; ++t) {
      for (std::size_t i = 0; i < rotated / 2; ++i) {
        const double frequency =
            std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(rotated));
        const double angle = static_cast<double>(t) * frequency;
        cosines_.push_back(static_cast<Real>(std::cos(angle)));
        sines_.push_back(static_cast<Real>(std::sin(angle)));
      }
    }
    rotation_ = {cosines_.data(), sines_.data(), rows, rotated, options.convention == "pairs"};
  }

  const Rotation<Real>* rotation() const override { return &rotation_; }

  std::size_t table_bytes() const override {
    return (cosines_.size() + sines_.size()) * sizeof(Real);
  }

 private:
  std::vector<Real> cosines_, sines_;  // (max_length, rotated / 2)
  Rotation<Real> rotation_{};
};

const bool kRegistered =
    register_encoding<Rope>({.name = "rope",
                             .about = "queries and keys turn by their position (Su 2021)",
                             .place = EncodingPlace::rotation,
                             .absolute = false,
                             .conventions = {"pairs", "halves", "halves_quarter"}});

}  // namespace
}  // namespace posbench
