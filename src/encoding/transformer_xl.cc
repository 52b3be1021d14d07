// Dai et al. 2019, Transformer-XL, §3.3: scores of four terms,
//   (q_i + u) · k_j + (q_i + v) · (R_{i−j} W_R),
// where R is the fixed sinusoid of the distance, sines in the first half of the columns and cosines
// in the second, ω_i = 10000^(−2i/d), and W_R, u and v are trained, by layer.
#include <algorithm>
#include <cmath>
#include <string>

#include "base/random.h"
#include "encoding/registry.h"
#include "kernel/matmul.h"

namespace posbench {
namespace {

// A pass projects whole steps of so many distances: each number of them is a product of its own to
// prepare.
constexpr std::size_t kStep = 64;

template <class Real>
class TransformerXl : public Encoding<Real> {
 public:
  explicit TransformerXl(const EncodingOptions& options)
      : d_(static_cast<std::size_t>(options.hidden)),
        layers_(static_cast<std::size_t>(options.layers)),
        reach_(options.max_length - 1),
        rows_(2 * static_cast<std::size_t>(reach_) + 1),
        causal_(options.causal),
        seed_(options.seed),
        sinusoid_(rows_ * d_),
        keys_(layers_ * rows_ * d_),
        gradients_(layers_ * (rows_ + 2) * d_) {
    const std::size_t half = d_ / 2;
    for (std::size_t row = 0; row < rows_; ++row) {
      const double distance = static_cast<double>(reach_) - static_cast<double>(row);  // i − j
      for (std::size_t i = 0; i < d_; ++i) {
        const double frequency =
            std::pow(10000.0, -2.0 * static_cast<double>(i % half) / static_cast<double>(d_));
        const double angle = distance * frequency;
        sinusoid_[row * d_ + i] = static_cast<Real>(i < half ? std::sin(angle) : std::cos(angle));
      }
    }
  }

  /// W_R (d, d), u (d), v (d).
  MatrixSize layer_size() const override { return {d_ + 2, d_}; }

  void initialize_layer(std::size_t layer, Real* values) const override {
    Random random(seed_, "position of layer " + std::to_string(layer));
    const double deviation = 1 / std::sqrt(static_cast<double>(d_));
    for (std::size_t i = 0; i < d_ * d_; ++i) {
      values[i] = static_cast<Real>(deviation * random.normal());
    }
    std::fill_n(values + d_ * d_, 2 * d_, Real{0});
  }

  void begin_pass(const PositionValues<const Real>& values, std::size_t longest,
                  bool trains) override {
    layer_values_ = values.layers;
    const auto places = static_cast<std::size_t>(reach_);
    // Keys from `longest` rows before a query to as many behind it, or to the query itself.
    const std::size_t most = (longest + kStep - 1) / kStep * kStep;
    first_ = places + 1 - std::min(most, places + 1);
    last_ = causal_ ? places + 1 : rows_ - first_;
    for (std::size_t layer = 0; layer < layers_; ++layer) {
      multiply_({false, false, last_ - first_, d_, d_, false}, sinusoid_.data() + first_ * d_,
                values.layers[layer], keys_.data() + (layer * rows_ + first_) * d_);
    }
    if (trains) std::ranges::fill(gradients_, Real{0});
  }

  ScoreTerms<Real> terms(std::size_t layer) const override {
    ScoreTerms<Real> terms;
    terms.keys = {keys_.data() + layer * rows_ * d_, reach_};
    terms.query_shift = layer_values_[layer] + d_ * d_;
    terms.relative_shift = terms.query_shift + d_;
    return terms;
  }

  ScoreTermGradients<Real> term_gradients(std::size_t layer) override {
    Real* keys = gradients_.data() + layer * (rows_ + 2) * d_;
    return {
        .keys = keys, .query_shift = keys + rows_ * d_, .relative_shift = keys + (rows_ + 1) * d_};
  }

  void end_pass(const PositionValues<const Real>& /*values*/,
                const PositionValues<Real>& gradients) override {
    for (std::size_t layer = 0; layer < layers_; ++layer) {
      const Real* keys = gradients_.data() + layer * (rows_ + 2) * d_;
      Real* weight = gradients.layers[layer];
      multiply_({true, false, d_, d_, last_ - first_, true}, sinusoid_.data() + first_ * d_,
                keys + first_ * d_, weight);
      for (std::size_t i = 0; i < 2 * d_; ++i) weight[d_ * d_ + i] += keys[rows_ * d_ + i];
    }
  }

  std::size_t table_bytes() const override { return sinusoid_.size() * sizeof(Real); }
  std::size_t scratch_bytes() const override {
    return (keys_.size() + gradients_.size()) * sizeof(Real);
  }

  std::optional<std::size_t> library_bytes() const override { return multiply_.scratch_bytes(); }

 private:
  std::size_t d_, layers_;
  long reach_;
  std::size_t rows_;  // distances
  bool causal_;
  std::uint64_t seed_;
  Matmul multiply_;
  std::size_t first_ = 0, last_ = 0;       // rows that this pass can meet
  std::vector<const Real*> layer_values_;  // of the pass
  std::vector<Real> sinusoid_;             // R (rows, d), by j − i
  std::vector<Real> keys_;                 // R W_R (layers, rows, d)
  std::vector<Real> gradients_;            // of keys, u, v: (layers, rows + 2, d)
};

const bool kRegistered = register_encoding<TransformerXl>(
    {.name = "transformer_xl",
     .about = "four-term scores over a projected sinusoid of the distance (Dai 2019)",
     .place = EncodingPlace::scores,
     .absolute = false});

}  // namespace
}  // namespace posbench
