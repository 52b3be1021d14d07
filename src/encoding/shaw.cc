// Shaw et al. 2018, "Self-Attention with Relative Position Representations", equations 3 to 5: a
// trained vector for each distance, clipped to 16 on either side (the base model's k), joins the
// keys, and another one the values. Each layer and head has its own. `keys` leaves out the values'.
#include <algorithm>
#include <string>

#include "base/random.h"
#include "encoding/registry.h"

namespace posbench {
namespace {

constexpr long kReach = 16;
constexpr std::size_t kRows = 2 * kReach + 1;

template <class Real>
class Shaw : public Encoding<Real> {
 public:
  explicit Shaw(const EncodingOptions& options)
      : hidden_(static_cast<std::size_t>(options.hidden)),
        on_values_(options.convention == "keys_values"),
        deviation_(options.position_rms > 0.0 ? options.position_rms : 0.02),
        seed_(options.seed),
        gradients_(static_cast<std::size_t>(options.layers) * layer_size().count()) {}

  /// Rows of the keys by distance from −16 on, then those of the values.
  MatrixSize layer_size() const override { return {on_values_ ? 2 * kRows : kRows, hidden_}; }

  void initialize_layer(std::size_t layer, Real* values) const override {
    Random random(seed_, "position of layer " + std::to_string(layer));
    for (std::size_t i = 0; i < layer_size().count(); ++i) {
      values[i] = static_cast<Real>(deviation_ * random.normal());
    }
  }

  void begin_pass(const PositionValues<const Real>& values, std::size_t /*longest*/,
                  bool trains) override {
    layer_values_ = values.layers;
    if (trains) std::ranges::fill(gradients_, Real{0});
  }

  ScoreTerms<Real> terms(std::size_t layer) const override {
    const Real* vectors = layer_values_[layer];
    ScoreTerms<Real> terms;
    terms.keys = {vectors, kReach};
    if (on_values_) terms.values = {vectors + kRows * hidden_, kReach};
    return terms;
  }

  ScoreTermGradients<Real> term_gradients(std::size_t layer) override {
    Real* vectors = gradients_.data() + layer * layer_size().count();
    return {.keys = vectors, .values = on_values_ ? vectors + kRows * hidden_ : nullptr};
  }

  void end_pass(const PositionValues<const Real>& /*values*/,
                const PositionValues<Real>& gradients) override {
    const Real* from = gradients_.data();
    for (Real* to : gradients.layers) {
      for (std::size_t i = 0; i < layer_size().count(); ++i) to[i] += *from++;
    }
  }

  std::size_t scratch_bytes() const override { return gradients_.size() * sizeof(Real); }

 private:
  std::size_t hidden_;
  bool on_values_;
  double deviation_;
  std::uint64_t seed_;
  std::vector<const Real*> layer_values_;  // of the pass
  std::vector<Real> gradients_;            // (layers, layer_size()), of a step
};

const bool kRegistered = register_encoding<Shaw>(
    {.name = "shaw",
     .about = "a trained vector per distance up to 16, added to keys and values (Shaw 2018)",
     .place = EncodingPlace::scores,
     .absolute = false,
     .conventions = {"keys_values", "keys"}});

}  // namespace
}  // namespace posbench
