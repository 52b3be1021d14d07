// Ke et al. 2021, "Rethinking Positional Encoding in Language Pre-training" (TUPE-A), equations 7
// to 10: words and positions are not summed, each has a correlation of its own,
//   score(i, j) = (x_i W_Q · x_j W_K + p_i U_Q · p_j U_K) / √(2 · size),
// where p is a trained table behind a layer norm, and U_Q and U_K serve all layers. The first row
// of a sequence, [CLS] where there is one, is untied from places: a trained number by head stands
// for all it sees, and another one for what the others see of it.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/random.h"
#include "encoding/registry.h"
#include "kernel/matmul.h"
#include "kernel/norm.h"

namespace posbench {
namespace {

// A pass has whole steps of so many places: each number of them is a product of its own to prepare.
constexpr std::size_t kStep = 64;

template <class Real>
class Tupe : public Encoding<Real> {
 public:
  explicit Tupe(const EncodingOptions& options)
      : places_(static_cast<std::size_t>(options.max_length)),
        d_(static_cast<std::size_t>(options.hidden)),
        heads_(static_cast<std::size_t>(options.heads)),
        size_(d_ / heads_),
        deviation_(options.position_rms > 0.0 ? options.position_rms : 0.02),
        seed_(options.seed),
        rows_(places_ * d_),
        normalised_(places_ * d_),
        inverse_deviation_(places_),
        queries_(places_ * d_),
        keys_(places_ * d_),
        drows_(places_ * d_),
        dhead_(places_ * size_),
        bias_(heads_ * places_ * places_),
        dbias_(heads_ * places_ * places_) {}

  MatrixSize shared_size() const override { return {(places_ + 2 + 2 * d_) * d_ + 2 * heads_, 1}; }

  void initialize(Real* shared) const override {
    Random random(seed_, "position");
    const Values<Real> values = split(shared);
    const auto draw = [&](Real* to, std::size_t n, double deviation) {
      std::generate_n(to, n, [&] { return static_cast<Real>(deviation * random.normal()); });
    };
    draw(values.rows, places_ * d_, deviation_);
    std::fill_n(values.gamma, d_, Real{1});
    std::fill_n(values.beta, d_, Real{0});
    draw(values.to_queries, 2 * d_ * d_, 1 / std::sqrt(static_cast<double>(d_)));
    std::fill_n(values.from_first, 2 * heads_, Real{0});
  }

  void begin_pass(const PositionValues<const Real>& values, std::size_t longest,
                  bool trains) override {
    n_ = std::min((longest + kStep - 1) / kStep * kStep, places_);
    const Values<const Real> v = split(values.shared);
    add_norm(v.rows, nullptr, nullptr, v.gamma, v.beta, n_, d_, rows_.data(), nullptr,
             normalised_.data(), inverse_deviation_.data());
    const Real scale = 1 / std::sqrt(static_cast<Real>(2 * size_));
    for (std::size_t h = 0; h < heads_; ++h) {
      Real *q = queries_.data() + h * n_ * size_, *k = keys_.data() + h * n_ * size_;
      multiply_({false, false, n_, size_, d_, false}, rows_.data(), v.to_queries + h * d_ * size_,
                q);
      multiply_({false, false, n_, size_, d_, false}, rows_.data(), v.to_keys + h * d_ * size_, k);
      std::for_each(q, q + n_ * size_, [&](Real& value) { value *= scale; });
      Real* bias = bias_.data() + h * n_ * n_;
      multiply_({false, true, n_, n_, size_, false}, q, k, bias);
      for (std::size_t i = 1; i < n_; ++i) bias[i * n_] = v.to_first[h];
      std::fill_n(bias, n_, v.from_first[h]);
    }
    if (trains) std::fill_n(dbias_.data(), heads_ * n_ * n_, Real{0});
  }

  ScoreTerms<Real> terms(std::size_t /*layer*/) const override {
    ScoreTerms<Real> terms;
    terms.by_place = {bias_.data(), static_cast<long>(n_)};
    terms.content_scale = 1 / std::numbers::sqrt2_v<Real>;
    return terms;
  }

  ScoreTermGradients<Real> term_gradients(std::size_t /*layer*/) override {
    return {.by_place = dbias_.data()};
  }

  void end_pass(const PositionValues<const Real>& values,
                const PositionValues<Real>& gradients) override {
    const Values<const Real> v = split(values.shared);
    const Values<Real> dv = split(gradients.shared);
    std::fill_n(drows_.data(), n_ * d_, Real{0});
    const Real scale = 1 / std::sqrt(static_cast<Real>(2 * size_));
    for (std::size_t h = 0; h < heads_; ++h) {
      Real* dbias = dbias_.data() + h * n_ * n_;
      for (std::size_t i = 1; i < n_; ++i) {
        dv.to_first[h] += std::exchange(dbias[i * n_], Real{0});
      }
      for (std::size_t j = 0; j < n_; ++j) dv.from_first[h] += std::exchange(dbias[j], Real{0});
      // With s = scale: bias = (s · q) kᵀ, of which queries_ holds s · q.
      const std::size_t head = h * n_ * size_, matrix = h * d_ * size_;
      multiply_({false, false, n_, size_, n_, false}, dbias, keys_.data() + head, dhead_.data());
      std::for_each(dhead_.begin(), dhead_.end(), [&](Real& value) { value *= scale; });
      add_projection(v.to_queries + matrix, dv.to_queries + matrix);
      multiply_({true, false, n_, size_, n_, false}, dbias, queries_.data() + head, dhead_.data());
      add_projection(v.to_keys + matrix, dv.to_keys + matrix);
    }
    add_norm_backward(drows_.data(), v.gamma, normalised_.data(), inverse_deviation_.data(), n_, d_,
                      drows_.data(), nullptr, dv.gamma, dv.beta, nullptr);
    for (std::size_t i = 0; i < n_ * d_; ++i) dv.rows[i] += drows_[i];
  }

  std::size_t scratch_bytes() const override {
    return sizeof(Real) *
           (rows_.size() + normalised_.size() + inverse_deviation_.size() + queries_.size() +
            keys_.size() + drows_.size() + dhead_.size() + bias_.size() + dbias_.size());
  }

  std::optional<std::size_t> library_bytes() const override { return multiply_.scratch_bytes(); }

 private:
  // The trained values, or their gradients, one behind the other.
  template <class T>
  struct Values {
    T* rows;          // p (max_length, d)
    T *gamma, *beta;  // (d) of its layer norm
    T* to_queries;    // U_Q (H, d, size)
    T* to_keys;       // U_K (H, d, size)
    T* from_first;    // θ1 (H): the first row sees any
    T* to_first;      // θ2 (H): another row sees the first
  };
  template <class T>
  Values<T> split(T* shared) const {
    Values<T> v{};
    v.rows = shared;
    v.gamma = v.rows + places_ * d_;
    v.beta = v.gamma + d_;
    v.to_queries = v.beta + d_;
    v.to_keys = v.to_queries + d_ * d_;
    v.from_first = v.to_keys + d_ * d_;
    v.to_first = v.from_first + heads_;
    return v;
  }

  // From dhead_ (n, size), the gradient behind the projection of a head, those of its matrix
  // (d, size) and of the rows.
  void add_projection(const Real* matrix, Real* dmatrix) {
    multiply_({true, false, d_, size_, n_, true}, rows_.data(), dhead_.data(), dmatrix);
    multiply_({false, true, n_, d_, size_, true}, dhead_.data(), matrix, drows_.data());
  }

  std::size_t places_, d_, heads_, size_;
  double deviation_;
  std::uint64_t seed_;
  Matmul multiply_;
  std::size_t n_ = 0;                                        // places of this pass
  std::vector<Real> rows_, normalised_, inverse_deviation_;  // the layer norm's (n, d), (n, d), (n)
  std::vector<Real> queries_, keys_;                         // (H, n, size)
  std::vector<Real> drows_, dhead_;                          // (n, d), (n, size)
  std::vector<Real> bias_, dbias_;                           // (H, n, n)
};

const bool kRegistered = register_encoding<Tupe>(
    {.name = "tupe",
     .about = "untied absolute positions: scores of places beside those of words (Ke 2021)",
     .place = EncodingPlace::scores,
     .absolute = true});

}  // namespace
}  // namespace posbench
