// The two encodings that are a table of rows (max_length, d): trained, as a parameter, or fixed.
#pragma once

#include <vector>

#include "encoding/encoding.h"
#include "kernel/lookup.h"

namespace posbench {

/// A table in the parameter buffer: forward gathers, backward adds to the rows that were used.
/// Position 0 is row `first`.
template <class Real>
class TrainedTable : public Encoding<Real> {
 public:
  explicit TrainedTable(const EncodingOptions& options, std::size_t first = 0)
      : first_(first),
        rows_(static_cast<std::size_t>(options.max_length)),
        hidden_(static_cast<std::size_t>(options.hidden)) {}

  MatrixSize shared_size() const override { return {first_ + rows_, hidden_}; }

  void forward(const Real* shared, std::span<const std::int32_t> positions,
               Real* x) const override {
    add_gather(x, Table<Real>{shared + first_ * hidden_, rows_, hidden_}, positions, x);
  }

  void backward(std::span<const std::int32_t> positions, const Real* dx,
                Real* gradients) const override {
    scatter_add(dx, positions, rows_, hidden_, gradients + first_ * hidden_);
  }

 protected:
  std::size_t first_;
  std::size_t rows_;  // from the first on
  std::size_t hidden_;
};

/// A table that never changes, held by the encoding itself.
template <class Real>
class FixedTable : public Encoding<Real> {
 public:
  explicit FixedTable(const EncodingOptions& options)
      : rows_(static_cast<std::size_t>(options.max_length)),
        hidden_(static_cast<std::size_t>(options.hidden)),
        table_(rows_ * hidden_) {}

  void forward(const Real* /*shared*/, std::span<const std::int32_t> positions,
               Real* x) const override {
    add_gather(x, Table<Real>{table_.data(), rows_, hidden_}, positions, x);
  }

  std::size_t table_bytes() const override { return table_.size() * sizeof(Real); }

 protected:
  std::size_t rows_;
  std::size_t hidden_;
  std::vector<Real> table_;
};

}  // namespace posbench
