// Two encodings that know distances alone, for tests of what takes encodings: one adds to the
// scores, one rotates queries and keys. And one that does not, though it says so.
#pragma once

#include <cmath>
#include <vector>

#include "encoding/registry.h"
#include "encoding/tables.h"

namespace posbench {

// Scores fall with the distance of a key, so that the order of what is cached matters and no row
// knows where its text began.
template <class Real>
class Falling : public Encoding<Real> {
 public:
  explicit Falling(const EncodingOptions& options) : reach_(options.max_length) {
    const long places = 2 * reach_ - 1;
    for (long h = 0; h < options.heads; ++h) {
      for (long j = 0; j < places; ++j) {
        slopes_.push_back(static_cast<Real>(-0.3) * static_cast<Real>((h + 1) * (reach_ - 1 - j)));
      }
    }
  }
  ScoreTerms<Real> terms(std::size_t /*layer*/) const override {
    ScoreTerms<Real> terms;
    terms.by_distance = {slopes_.data(), reach_};
    return terms;
  }
  std::size_t table_bytes() const override { return slopes_.size() * sizeof(Real); }

 private:
  long reach_;
  std::vector<Real> slopes_;  // (H, 2 · reach − 1)
};

// Turns queries and keys by their positions: relative too, but by the rows' own numbers.
template <class Real>
class Turning : public Encoding<Real> {
 public:
  explicit Turning(const EncodingOptions& options) {
    const auto rows = static_cast<std::size_t>(options.max_length);
    const auto planes = static_cast<std::size_t>(options.hidden / options.heads / 2);
    for (std::size_t t = 0; t < rows; ++t) {
      for (std::size_t i = 0; i < planes; ++i) {
        const Real angle = static_cast<Real>(t) / static_cast<Real>(i + 1);
        cosines_.push_back(std::cos(angle));
        sines_.push_back(std::sin(angle));
      }
    }
    rotation_ = {cosines_.data(), sines_.data(), rows, 2 * planes, true};
  }
  const Rotation<Real>* rotation() const override { return &rotation_; }

 private:
  std::vector<Real> cosines_, sines_;
  Rotation<Real> rotation_;
};

// Rows by absolute place, said to be relative: what happens where a system lets them in.
template <class Real>
class Misplaced : public FixedTable<Real> {
 public:
  explicit Misplaced(const EncodingOptions& options) : FixedTable<Real>(options) {
    for (std::size_t i = 0; i < this->table_.size(); ++i) {
      this->table_[i] = std::sin(static_cast<Real>(i + 1));
    }
  }
};

inline const bool kRelativeEncodings =
    register_encoding<Falling>({.name = "falling",
                                .about = "scores that fall with distance",
                                .place = EncodingPlace::scores,
                                .absolute = false}) &&
    register_encoding<Turning>({.name = "turning",
                                .about = "queries and keys that turn",
                                .place = EncodingPlace::rotation,
                                .absolute = false}) &&
    register_encoding<Misplaced>({.name = "misplaced",
                                  .about = "rows by place, falsely called relative",
                                  .place = EncodingPlace::input,
                                  .absolute = false});

}  // namespace posbench
