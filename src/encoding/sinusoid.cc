// Vaswani et al. 2017, §3.5: fixed sines and cosines of the position, from a table or computed when
// needed.
#include "kernel/sinusoid.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "encoding/registry.h"
#include "encoding/sinusoid_rows.h"
#include "kernel/lookup.h"

namespace posbench {
namespace {

// Null for `table`.
const SinusoidProducer* producer_from_name(const std::string& name) {
  if (name == "table") return nullptr;
  std::vector<std::string> known = {"table"};
  for (const SinusoidProducer* producer : sinusoid_producers()) {
    if (producer->name == name) return producer;
    known.emplace_back(producer->name);
  }
  throw UserError(unknown_word("sinusoid producer", name, known));
}

template <class Real>
class SinusoidEncoding : public Encoding<Real> {
 public:
  explicit SinusoidEncoding(const EncodingOptions& options)
      : sinusoid_(sinusoid_of(options)),
        scale_(static_cast<float>(sinusoid_scale(options))),
        length_(static_cast<std::size_t>(options.max_length)),
        producer_(producer_from_name(options.producer)) {
    // The producers compute in f32. A gradient check runs in f64 and is not about them: it takes
    // the table.
    if (!std::is_same_v<Real, float>) producer_ = nullptr;
    if (producer_ == nullptr) {
      table_.resize(length_ * sinusoid_.hidden);
      fill_scaled_table(options, table_.data());
    } else {
      constants_ = producer_->constants(sinusoid_);
      rows_.resize(length_ * sinusoid_.hidden);
    }
  }

  void forward(const Real* /*shared*/, std::span<const std::int32_t> positions,
               Real* x) const override {
    if (producer_ == nullptr) {
      add_gather(x, Table<Real>{table_.data(), length_, sinusoid_.hidden}, positions, x);
    } else if constexpr (std::is_same_v<Real, float>) {
      add_computed(positions, x);
    }
  }

  std::size_t table_bytes() const override {
    return table_.size() * sizeof(Real) + constants_.size() * sizeof(float);
  }
  std::size_t scratch_bytes() const override { return rows_.size() * sizeof(float); }

 private:
  // Positions repeat from text to text of a batch, so each row in their range is made once for all;
  // ids too far apart for that are made one by one. Computed rows have no end but that of
  // the positions that a producer can compute.
  void add_computed(std::span<const std::int32_t> positions, float* x) const {
    require_ids_inside(positions, kMostPositions);
    if (positions.empty()) return;
    const auto [least, greatest] = std::ranges::minmax(positions);
    const auto range = static_cast<std::size_t>(greatest - least) + 1;
    const std::size_t d = sinusoid_.hidden;
    if (range <= std::min(positions.size(), length_)) {
      make_rows(least, range);
      add_gather(x, Table<float>{rows_.data(), range, d, least}, positions, x);
    } else {
      for (std::size_t t = 0; t < positions.size(); ++t) {
        make_rows(positions[t], 1);
        add_rows(Sum<float>(x + t * d, x + t * d, {1, 1, d}), rows_.data());
      }
    }
  }

  void make_rows(std::int64_t first, std::size_t rows) const {
    producer_->rows(sinusoid_, constants_.data(), first, rows, rows_.data());
    if (scale_ == 1.0f) return;
    for (std::size_t i = 0; i < rows * sinusoid_.hidden; ++i) rows_[i] *= scale_;
  }

  Sinusoid sinusoid_;
  float scale_;
  std::size_t length_;
  const SinusoidProducer* producer_;
  std::vector<Real> table_;
  std::vector<float> constants_;
  mutable std::vector<float> rows_;  // scratch of forward: one encoding serves one thread
};

const bool kRegistered = register_encoding<SinusoidEncoding>(
    {.name = "sinusoid",
     .about = "fixed sines and cosines (Vaswani 2017), from a table or computed",
     .place = EncodingPlace::input,
     .absolute = true,
     .conventions = {"interleaved", "tensor2tensor"}});

}  // namespace
}  // namespace posbench
