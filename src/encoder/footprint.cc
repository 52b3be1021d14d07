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
#include "encoder/arena_pieces.h"
#include "encoder/layout.h"

namespace posbench {
namespace {

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

template <class Real>
PositionSizes position_sizes(const EncoderOptions& options) {
  std::vector<std::unique_ptr<Encoding<Real>>> some;
  for (const int length : {1, 2, 3}) {
    EncodingOptions of = encoding_options(options);
    of.max_length = length;
    some.push_back(make_encoding<Real>(options.encoding, of));
  }
  const auto at_full_length = [&](auto size) {
    return extrapolated({size(*some[0]), size(*some[1]), size(*some[2])}, options.shape.max_length);
  };
  const auto rows_of = [&](auto size_of) {
    return MatrixSize{static_cast<std::size_t>(at_full_length([&](const Encoding<Real>& encoding) {
                        return static_cast<double>(size_of(encoding).rows);
                      })),
                      size_of(*some[0]).columns};
  };
  return {rows_of([](const auto& encoding) { return encoding.shared_size(); }),
          rows_of([](const auto& encoding) { return encoding.layer_size(); }),
          at_full_length([](const Encoding<Real>& encoding) {
            return static_cast<double>(encoding.table_bytes() + encoding.scratch_bytes());
          })};
}

// Layers are all alike, so two of them tell about any number.
struct Counts {
  double buffer;   // elements of the flat buffer
  double product;  // of them in matrices that products read
};

Counts counts_of(const EncoderShape& shape, const EncoderSystem& system, MatrixSize position,
                 MatrixSize layer_position) {
  const auto counts = [&](int layers) {
    EncoderShape some = shape;
    some.layers = layers;
    const EncoderLayout layout(some, system, position, layer_position);
    double product = 0;
    for (const Parameter& part : layout.parameters.parts()) {
      if (layout.in_products(part)) product += static_cast<double>(part.size());
    }
    return Counts{static_cast<double>(layout.parameters.buffer_size()), product};
  };
  const Counts one = counts(1), two = counts(2);
  const double more = shape.layers - 1;
  return {one.buffer + more * (two.buffer - one.buffer),
          one.product + more * (two.product - one.product)};
}

}  // namespace

BatchSize largest_of(std::span<const Batch> batches) {
  BatchSize size{0, 0, 0};
  for (const Batch& batch : batches) {
    size.rows = std::max(size.rows, batch.size());
    size.labels = std::max(size.labels, batch.rows.size());
    for (std::size_t s = 0; s < batch.sequences(); ++s) {
      size.longest = std::max(size.longest, as_size(batch.rows_of(s)));
    }
  }
  return size;
}

std::uint64_t Footprint::total() const {
  const std::uint64_t all[] = {parameters, gradients, moments, stored, packed,
                               positions,  logits,    states,  kept,   scratch};
  return std::accumulate(std::begin(all), std::end(all), std::uint64_t{0}, plus);
}

template <class Real>
Footprint footprint(const EncoderOptions& options, const BatchSize& size, bool trains) {
  const EncoderShape& shape = options.shape;
  require_possible(options);
  const PositionSizes position = position_sizes<Real>(options);
  const Counts count =
      counts_of(shape, find_system(options.system), position.shared, position.layer);

  const bool is_bf16 = options.precision == "bf16";
  const std::size_t real = sizeof(Real), stored = is_bf16 ? sizeof(Bf16) : real;
  const auto bytes = [](double n, std::size_t each) {
    return saturated(n * static_cast<double>(each));
  };
  const ArenaPieces<Real> pieces(options, size, stored);
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
          .states = bytes(static_cast<double>(shape.layers) * static_cast<double>(size.cached),
                          real * as_size(shape.hidden)),
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
