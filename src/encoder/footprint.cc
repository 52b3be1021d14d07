#include "encoder/footprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/memory.h"
#include "encoder/arena.h"
#include "encoder/layout.h"
#include "kernel/attention.h"

namespace posbench {
namespace {

std::size_t as_size(int n) { return static_cast<std::size_t>(n); }

// Beyond 2^64 the largest number stands for all; doubles are exact below 2^53.
std::uint64_t saturated(double bytes) {
  return bytes < 0x1p63 ? static_cast<std::uint64_t>(bytes)
                        : std::numeric_limits<std::uint64_t>::max();
}

std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t sum = a + b;
  return sum < a ? std::numeric_limits<std::uint64_t>::max() : sum;
}

// What an encoding has and holds.
struct PositionSizes {
  MatrixSize shared, layer;
  double bytes;
};

// Without building it at its full length: what an encoding has is at most a square of that, and
// three short ones tell any square.
template <class Real>
PositionSizes position_sizes(const EncoderOptions& options) {
  std::vector<std::unique_ptr<Encoding<Real>>> some;
  for (const int length : {1, 2, 3}) {
    EncodingOptions of = encoding_options(options);
    of.max_length = length;
    some.push_back(make_encoding<Real>(options.encoding, of));
  }
  const auto extrapolated = [&](auto size) {
    const double a = size(*some[0]), b = size(*some[1]), c = size(*some[2]);
    const double more = options.shape.max_length - 1;
    return a + more * (b - a) + more * (more - 1) / 2 * (c - 2 * b + a);
  };
  const auto rows_of = [&](auto size_of) {
    return MatrixSize{static_cast<std::size_t>(extrapolated([&](const Encoding<Real>& encoding) {
                        return static_cast<double>(size_of(encoding).rows);
                      })),
                      size_of(*some[0]).columns};
  };
  return {rows_of([](const auto& encoding) { return encoding.shared_size(); }),
          rows_of([](const auto& encoding) { return encoding.layer_size(); }),
          extrapolated([](const Encoding<Real>& encoding) {
            return static_cast<double>(encoding.table_bytes() + encoding.scratch_bytes());
          })};
}

// Layers are all alike, so two of them tell about any number.
struct Counts {
  double buffer;   // elements of the flat buffer
  double product;  // of them in matrices that products read
};

Counts counts_of(const EncoderShape& shape, MatrixSize position, MatrixSize layer_position) {
  const auto counts = [&](int layers) {
    EncoderShape some = shape;
    some.layers = layers;
    const EncoderLayout layout(some, position, layer_position);
    double product = 0;
    for (const Parameter& part : layout.parameters.parts()) {
      if (part.rows > 1 && !layout.is_table(part)) product += static_cast<double>(part.size());
    }
    return Counts{static_cast<double>(layout.parameters.buffer_size()), product};
  };
  const Counts one = counts(1), two = counts(2);
  const double more = shape.layers - 1;
  return {one.buffer + more * (two.buffer - one.buffer),
          one.product + more * (two.product - one.product)};
}

// The pieces that the engine takes from its arenas, in bytes (see encoder/engine.cc).
class Pieces {
 public:
  Pieces(const EncoderOptions& options, const BatchSize& size, std::size_t real, std::size_t stored)
      : real_(real), stored_(stored), has_copies_(real != stored) {
    const std::size_t rows = most_block_rows(size.rows, size.longest);
    n_ = whole_steps(rows);
    labels_ = whole_steps(std::min(size.labels, rows));
    every_row_labelled_ = size.labels == size.rows;
    const EncoderShape& shape = options.shape;
    d_ = as_size(shape.hidden);
    ff_ = as_size(shape.feed_forward);
    classes_ = as_size(shape.classes);
    layers_ = static_cast<double>(shape.layers);
    drops_ = options.dropout > 0;
    // Scores grow with the square of a sequence, so sequences as long as the longest need most.
    std::vector<std::int32_t> offsets{0};
    for (std::size_t row = 0; row < rows; row = static_cast<std::size_t>(offsets.back())) {
      offsets.push_back(static_cast<std::int32_t>(std::min(rows, row + size.longest)));
    }
    const AttentionShape attention{offsets, {}, shape.hidden, shape.heads};
    weights_ = attention_weights(attention);
    attention_scratch_ = attention_scratch(attention, ScoreTerms<float>{});
  }

  double kept_when_training() const {
    const double layer = stored(n_ * 3 * d_) + stored(weights_) + stored(n_ * d_) + norm() +
                         residual() + 2 * stored(n_ * ff_) + norm();
    // The inputs of all layers, the output of the last, the gradient of that.
    return (layers_ + 1) * residual() + norm() + layers_ * layer + head() + real(n_ * d_);
  }

  double scratch_when_training() const {
    const double dropped = drops_ ? real(n_ * d_) : 0;
    const double copied = has_copies_ ? stored(n_ * d_) : 0;
    const double layer_backward = 2 * (copied + dropped) + stored(n_ * ff_) + stored(n_ * d_) +
                                  stored(n_ * 3 * d_) + real(attention_scratch_);
    const double head_backward =
        stored(labels_ * classes_) + (every_row_labelled_ ? 0 : real(labels_ * d_));
    return std::max(
        {real(n_ * d_), real(attention_scratch_) + real(n_ * d_), layer_backward, head_backward});
  }

  double kept_when_inferring() const { return 2 * residual() + head(); }

  double scratch_when_inferring() const {
    return stored(n_ * 3 * d_) + stored(n_ * d_) + real(attention_scratch_) + real(n_ * d_) +
           residual() + stored(n_ * ff_);
  }

 private:
  static double piece(std::size_t bytes) { return static_cast<double>(Arena::piece_bytes(bytes)); }
  double real(std::size_t n) const { return piece(n * real_); }
  double stored(std::size_t n) const { return piece(n * stored_); }
  double residual() const { return real(n_ * d_) + (has_copies_ ? stored(n_ * d_) : 0); }
  double norm() const { return real(n_ * d_) + real(n_); }
  double head() const {
    return (every_row_labelled_ ? 0 : stored(labels_ * d_)) + real(labels_ * classes_);
  }

  std::size_t real_, stored_;  // bytes of a number
  bool has_copies_;            // the residual stream has one as products read it
  bool every_row_labelled_ = false, drops_ = false;
  std::size_t n_ = 0, labels_ = 0;  // in whole steps
  std::size_t d_ = 0, ff_ = 0, classes_ = 0;
  std::size_t weights_ = 0, attention_scratch_ = 0;
  double layers_ = 0;
};

}  // namespace

BatchSize largest_of(std::span<const Batch> batches) {
  BatchSize size{0, 0, 0};
  for (const Batch& batch : batches) {
    size.rows = std::max(size.rows, batch.size());
    size.labels = std::max(size.labels, batch.rows.size());
    for (std::size_t s = 0; s < batch.sequences(); ++s) {
      size.longest = std::max(size.longest, as_size(batch.offsets[s + 1] - batch.offsets[s]));
    }
  }
  return size;
}

std::uint64_t Footprint::total() const {
  const std::uint64_t all[] = {parameters, gradients, moments, stored, packed,
                               positions,  logits,    kept,    scratch};
  return std::accumulate(std::begin(all), std::end(all), std::uint64_t{0}, plus);
}

template <class Real>
Footprint footprint(const EncoderOptions& options, const BatchSize& size, bool trains) {
  const EncoderShape& shape = options.shape;
  require_possible(shape);
  const PositionSizes position = position_sizes<Real>(options);
  const Counts count = counts_of(shape, position.shared, position.layer);

  const bool is_bf16 = options.precision == "bf16";
  const std::size_t real = sizeof(Real), stored = is_bf16 ? sizeof(Bf16) : real;
  const auto bytes = [](double n, std::size_t each) {
    return saturated(n * static_cast<double>(each));
  };
  const Pieces pieces(options, size, real, stored);
  const auto arena = [](double taken) {
    return std::max<std::uint64_t>(saturated(taken), Arena::kSmallestBlock);
  };
  const bool packs = sizeof(Real) == sizeof(float);
  return {.parameters = bytes(count.buffer, real),
          .gradients = bytes(count.buffer, real),
          .moments = trains ? bytes(2 * count.buffer, real) : 0,
          .stored = is_bf16 ? bytes(count.buffer, stored) : 0,
          .packed = packs ? bytes(count.product, (trains ? 2 : 1) * stored) : 0,
          .positions = saturated(position.bytes),
          .logits = bytes(static_cast<double>(size.labels), real * as_size(shape.classes)),
          .kept = arena(trains ? pieces.kept_when_training() : pieces.kept_when_inferring()),
          .scratch = arena(
              trains ? std::max(pieces.scratch_when_training(), pieces.scratch_when_inferring())
                     : pieces.scratch_when_inferring())};
}

void require_footprint(std::span<const EncoderOptions> encoders, const BatchSize& size,
                       bool trains) {
  std::uint64_t needed = 0;
  for (const EncoderOptions& options : encoders) {
    needed = plus(needed, footprint<float>(options, size, trains).total());
  }
  const EncoderShape& shape = encoders.front().shape;
  const std::string count =
      encoders.size() == 1 ? "an encoder" : fmt::format("{} encoders", encoders.size());
  require_memory(needed, fmt::format("{} of d {}, {} layers and {} words, {} batches of {} tokens",
                                     count, shape.hidden, shape.layers, shape.vocabulary,
                                     trains ? "training on" : "for", size.rows));
}

template Footprint footprint<float>(const EncoderOptions&, const BatchSize&, bool);
template Footprint footprint<double>(const EncoderOptions&, const BatchSize&, bool);

}  // namespace posbench
