// The input layer of BERT: what a position costs where a model pays for it, in one pass with the
// gathering of tokens and the layer norm, and in three passes, as frameworks run it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>

#include "encoding_cost/arms.h"
#include "kernel/embedding.h"
#include "kernel/embedding_scalar.h"
#include "kernel/norm.h"

namespace posbench {
namespace {

constexpr std::size_t kVocabulary = 8'000;
constexpr std::size_t kSegments = 2;

using Ids = std::vector<std::int32_t>;

// By Zipf's law, as words of a language: id k with a probability proportional to 1 / (k + 1).
Ids token_ids(const Cell& cell) {
  std::vector<double> up_to(kVocabulary);
  double sum = 0.0;
  for (std::size_t k = 0; k < kVocabulary; ++k) up_to[k] = sum += 1.0 / static_cast<double>(k + 1);
  Random random(cell.seed, "token ids");
  Ids ids(cell.shape.tokens());
  for (std::int32_t& id : ids) {
    const auto found = std::ranges::lower_bound(up_to, random.uniform() * sum);
    id = static_cast<std::int32_t>(found - up_to.begin());
  }
  return ids;
}

// Two sentences of the same length in each text.
Ids segment_ids(const Cell& cell) {
  Ids ids(cell.shape.tokens());
  for (std::size_t t = 0; t < ids.size(); ++t) {
    ids[t] = t % cell.shape.length < cell.shape.length / 2 ? 0 : 1;
  }
  return ids;
}

// The arms of this family share all that positions do not read.
struct Layer {
  EmbeddingWeights<float> weights;
  Ids tokens;
  Ids segments;  // empty: none
  BatchShape shape;
  float* y;

  Layer(Workbench& bench, bool with_segments)
      : tokens(token_ids(bench.cell())), shape(bench.shape()), y(bench.y()) {
    const std::size_t d = shape.hidden;
    weights = {{bench.noise("token table", kVocabulary * d), kVocabulary, d},
               bench.noise("gamma", d),
               bench.noise("beta", d),
               {bench.noise("segment table", kSegments * d), kSegments, d}};
    if (with_segments) segments = segment_ids(bench.cell());
  }

  EmbeddingBatch<float> batch() const {
    return {tokens.data(), segments.empty() ? nullptr : segments.data(), y, shape, shape.length};
  }
};

using LayerPtr = std::shared_ptr<const Layer>;  // by the call and the check of an arm
using Call = std::function<void(std::size_t turn, Share positions)>;

// What call number `turn` reads.
using SourceOfTurn = std::function<PositionSource(std::size_t turn)>;

Call fused(const LayerPtr& layer, const SourceOfTurn& source) {
  return [=](std::size_t turn, Share at) {
    embed(layer->weights, source(turn), at.begin, layer->batch().positions(at.begin, at.size()));
  };
}

// Copies rows to y, adds positions in place, normalises in place: each walks y anew.
Call unfused(const LayerPtr& layer, const Copies& table) {
  return [=, &table](std::size_t turn, Share at) {
    const auto [batch, length, d] = layer->shape;
    const EmbeddingWeights<float>& weights = layer->weights;
    for (std::size_t b = 0; b < batch; ++b) {
      for (std::size_t t = b * length + at.begin; t < b * length + at.end; ++t) {
        const auto id = static_cast<std::size_t>(layer->tokens[t]);
        std::copy_n(weights.tokens.values + id * d, d, layer->y + t * d);
      }
    }
    const Sum<float> sum(layer->y, layer->y, layer->shape);
    add_slice(sum.positions(at.begin, at.size()), Table<float>{table.at(turn), length, d},
              at.begin);
    for (std::size_t b = 0; b < batch; ++b) {
      float* rows = layer->y + (b * length + at.begin) * d;
      add_norm(rows, nullptr, nullptr, weights.gamma, weights.beta, at.size(), d, rows, nullptr,
               nullptr, nullptr);
    }
  };
}

// Compares n tokens of y from token t on with the scalar reference in f64. `positions` (n, d) err
// by `error`.
void require_right(const std::string& name, const Layer& layer, std::size_t t, std::size_t n,
                   const std::vector<double>& positions, double error) {
  const std::size_t d = layer.shape.hidden;
  const auto widened = [](const float* from, std::size_t count) {
    return std::vector<double>(from, from + count);
  };
  // A table of these tokens only, for all of it would take longer than measuring.
  std::vector<double> tokens;
  for (std::size_t k = 0; k < n; ++k) {
    const auto id = static_cast<std::size_t>(layer.tokens[t + k]);
    const float* row = layer.weights.tokens.values + id * d;
    tokens.insert(tokens.end(), row, row + d);
  }
  Ids ids(n);
  std::iota(ids.begin(), ids.end(), 0);
  const std::vector<double> gamma = widened(layer.weights.gamma, d);
  const std::vector<double> beta = widened(layer.weights.beta, d);
  const std::vector<double> segments = widened(layer.weights.segments.values, kSegments * d);
  std::vector<double> expected(n * d);
  const std::vector<double> inverse_deviation = scalar::embed<double>(
      {{tokens.data(), n, d}, gamma.data(), beta.data(), {segments.data(), kSegments, d}},
      positions.empty() ? nullptr : positions.data(),
      {ids.data(),
       layer.segments.empty() ? nullptr : layer.segments.data() + t,
       expected.data(),
       {1, n, d},
       n});
  for (std::size_t i = 0; i < n * d; ++i) {
    // Far more than rounding makes (the kernel's tests know how much), far less than a wrong row.
    const double allowed = (1e-4 + 4 * error) * (1 + inverse_deviation[i / d]);
    const double got = static_cast<double>(layer.y[t * d + i]);
    if (std::abs(got - expected[i]) <= allowed) continue;
    throw std::runtime_error(
        fmt::format("arm {} is wrong: at token {}, column {} it wrote {} instead of {}", name,
                    t + i / d, i % d, got, expected[i]));
  }
}

// Position rows in f64, first … first + n − 1, or nothing for no positions.
using Reference = std::function<std::vector<double>(std::size_t first, std::size_t n)>;

// Looks at begin, middle and end of the first and the last text.
std::function<void()> check(const std::string& name, const LayerPtr& layer, const Call& call,
                            const Reference& reference, double error) {
  return [=] {
    const auto [batch, length, d] = layer->shape;
    std::fill_n(layer->y, layer->shape.elements(), 0.0f);
    call(0, {0, length});
    const std::size_t n = std::min(kRecurrencePeriod, length);
    for (const std::size_t first : {std::size_t{0}, (length - n) / 2, length - n}) {
      const std::vector<double> positions = reference(first, n);
      for (const std::size_t b : {std::size_t{0}, batch - 1}) {
        require_right(name, *layer, b * length + first, n, positions, error);
      }
    }
  };
}

struct Positions {
  SourceOfTurn source;
  Reference reference;
  double error = 0.0;           // of a row
  std::size_t table_bytes = 0;  // that a call reads
};

const Copies& learned_table(Workbench& bench) {
  return bench.copies("embed_learned", [&] {
    std::vector<float> values(bench.shape().length * bench.shape().hidden);
    bench.fill_with_noise(values);
    return values;
  });
}

Positions learned(Workbench& bench) {
  const auto [batch, length, d] = bench.shape();
  const Copies& table = learned_table(bench);
  return {.source = [&table, length = length, d = d](std::size_t turn) -> PositionSource {
            return Table<float>{table.at(turn), length, d};
          },
          .reference =
              [&table, d = d](std::size_t first, std::size_t n) {
                const float* row = table.at(0) + first * d;
                return std::vector<double>(row, row + n * d);
              },
          .table_bytes = length* d * sizeof(float)};
}

Positions computed(Workbench& bench, const std::string& name) {
  const SinusoidProducer& producer = sinusoid_producer(name);
  const Sinusoid sinusoid = make_sinusoid(Convention::kInterleaved, bench.shape().hidden);
  const Copies& constants =
      bench.copies("embed_" + name, [&] { return producer.constants(sinusoid); });
  return {.source = [&producer, &constants, sinusoid](std::size_t turn) -> PositionSource {
            return ComputedPositions{&producer, sinusoid, constants.at(turn)};
          },
          .reference =
              [sinusoid](std::size_t first, std::size_t n) {
                std::vector<double> rows(n * sinusoid.hidden);
                fill_sinusoid_table(sinusoid, static_cast<std::int64_t>(first), n, rows.data());
                return rows;
              },
          .error = producer.tolerance(static_cast<std::int64_t>(bench.shape().length))};
}

// What a call touches: each row of tokens that occurs, y, and the positions' table.
std::size_t working_set(const Layer& layer, std::size_t table_bytes) {
  const std::set<std::int32_t> distinct(layer.tokens.begin(), layer.tokens.end());
  const std::size_t rows = distinct.size() + layer.shape.tokens();
  return rows * layer.shape.hidden * sizeof(float) + table_bytes;
}

Arm make(Workbench& bench, const std::string& name) {
  constexpr std::string_view kSuffix = "_segments";
  const bool with_segments = name.ends_with(kSuffix);
  const std::string what = name.substr(0, name.size() - (with_segments ? kSuffix.size() : 0));
  const auto layer = std::make_shared<const Layer>(bench, with_segments);
  Positions positions{.source = [](std::size_t) { return PositionSource(); },
                      .reference = [](std::size_t, std::size_t) { return std::vector<double>(); }};
  if (what == "embed_learned" || what == "embed_unfused") positions = learned(bench);
  if (what == "embed_simd") positions = computed(bench, "simd");
  if (what == "embed_recurrence") positions = computed(bench, "recurrence");

  Arm arm{.name = name, .call = {}};
  arm.call = what == "embed_unfused" ? unfused(layer, learned_table(bench))
                                     : fused(layer, positions.source);
  account(arm, bench, Variant(name), positions.table_bytes);
  arm.working_set_bytes = working_set(*layer, positions.table_bytes);
  arm.check = check(name, layer, arm.call, positions.reference, positions.error);
  return arm;
}

}  // namespace

ArmFamily embedding_arms() {
  ArmFamily family{{"embed_unfused"}, make};
  for (const std::string positions : {"none", "learned", "simd", "recurrence"}) {
    for (const std::string segments : {"", "_segments"}) {
      family.names.push_back("embed_" + positions + segments);
    }
  }
  return family;
}

}  // namespace posbench
