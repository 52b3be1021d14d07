// Parameters of published encoders and decoders, by arithmetic.
#pragma once

#include <cstdint>

namespace posbench {

/// BERT (google-research/bert, modeling.py) and GPT-2 (openai/gpt-2, src/model.py) have the same
/// parts but for segments (types) and the pooler, which GPT-2 has not.
struct ModelShape {
  std::int64_t vocabulary;
  std::int64_t positions;  ///< rows of the position table
  std::int64_t types;
  std::int64_t hidden;
  std::int64_t layers;
  std::int64_t feed_forward;
  bool pooler;
  bool tied;  ///< the output layer uses the word table; otherwise it has a matrix of its own
};

struct ModelSize {
  std::int64_t total;
  std::int64_t position;
};

/// `trained_positions`: whether the position table is among the parameters.
constexpr ModelSize model_size(const ModelShape& shape, bool trained_positions) {
  const std::int64_t d = shape.hidden;
  const std::int64_t position = trained_positions ? shape.positions * d : 0;
  // One normalisation outside the layers: after BERT's embedding sum, after GPT-2's last layer.
  const std::int64_t embedding = (shape.vocabulary + shape.types) * d + 2 * d;
  const std::int64_t attention = 4 * (d * d + d);
  const std::int64_t feed_forward = 2 * d * shape.feed_forward + shape.feed_forward + d;
  const std::int64_t layer = attention + feed_forward + 2 * (2 * d);
  const std::int64_t head =
      (shape.pooler ? d * d + d : 0) + (shape.tied ? 0 : shape.vocabulary * d);
  return {position + embedding + shape.layers * layer + head, position};
}

}  // namespace posbench
