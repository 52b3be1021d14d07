// A tiny encoder and a packed batch for the tests of the encoder.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "encoder/encoder.h"

namespace posbench {

/// d = 8, 2 heads, 2 layers: small enough to move every parameter by hand.
inline EncoderOptions tiny_encoder(const std::string& encoding = "learned") {
  EncoderOptions options;
  options.shape = {.vocabulary = 12,
                   .classes = 3,
                   .hidden = 8,
                   .layers = 2,
                   .heads = 2,
                   .feed_forward = 16,
                   .max_length = 6};
  options.encoding = encoding;
  options.position_rms = 0.3;
  options.token_rms = 0.5;
  options.seed = 5;
  return options;
}

/// The same as another system: a window of 2 and one global row, where it has them. Empty: learned
/// positions, or trained biases where the system takes no absolute ones.
inline EncoderOptions tiny_system(const std::string& system, const std::string& encoding = "") {
  const std::string own = find_system(system).has_memory ? "t5_bias" : "learned";
  EncoderOptions options = tiny_encoder(encoding.empty() ? own : encoding);
  options.system = system;
  options.shape.window = 2;
  // A head is tied where classes are words.
  if (find_system(system).ties_output) options.shape.classes = options.shape.vocabulary;
  return options;
}

/// Appends a sequence with positions from 0; a label of −1 leaves its row unlabelled.
inline void append_sequence(Batch& batch, const std::vector<std::int32_t>& tokens,
                            const std::vector<std::int32_t>& labels) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (labels[i] >= 0) {
      batch.rows.push_back(static_cast<std::int32_t>(batch.tokens.size()));
      batch.labels.push_back(labels[i]);
    }
    batch.positions.push_back(static_cast<std::int32_t>(i));
    batch.tokens.push_back(tokens[i]);
  }
  batch.offsets.push_back(static_cast<std::int32_t>(batch.tokens.size()));
}

/// Three sequences of 4, 1 and 6 tokens; tokens repeat, rows without a label are among them, and
/// token 11 does not occur.
inline Batch packed_batch() {
  Batch batch;
  append_sequence(batch, {3, 1, 4, 1}, {0, -1, 2, 1});
  append_sequence(batch, {5}, {2});
  append_sequence(batch, {9, 2, 6, 5, 3, 10}, {-1, 0, -1, 1, 1, 2});
  return batch;
}

/// Normal values everywhere, so that no bias, γ or β hides behind its 0 or 1.
template <class Real>
void randomize(Encoder<Real>& encoder) {
  for (const Parameter& part : encoder.layout().parts()) {
    Random random(17, part.name);
    for (std::size_t i = 0; i < part.size(); ++i) {
      encoder.parameters()[part.offset + i] = static_cast<Real>(0.6 * random.normal());
    }
  }
  encoder.parameters_changed();
}

/// logits (R, classes) of the batch.
template <class Real>
std::vector<Real> logits_of(Encoder<Real>& encoder, const Batch& batch, int classes = 3) {
  const Real* logits = encoder.forward(batch);
  return {logits, logits + batch.rows.size() * static_cast<std::size_t>(classes)};
}

/// Every gradient that stands in the encoder against central differences of the loss.
template <class Loss>
void expect_gradients(Encoder<double>& encoder, Loss loss) {
  const Buffer<double> gradients = encoder.gradients();
  for (const Parameter& part : encoder.layout().parts()) {
    double largest = 0;
    for (std::size_t i = 0; i < part.size(); ++i) {
      double& parameter = encoder.parameters()[part.offset + i];
      const double kept = parameter, step = 1e-5;
      parameter = kept + step;
      const double above = loss();
      parameter = kept - step;
      const double slope = (above - loss()) / (2 * step);
      parameter = kept;
      ASSERT_NEAR(gradients[part.offset + i], slope, 2e-8 * std::max(1.0, std::abs(slope)))
          << part.name << "[" << i << "]";
      largest = std::max(largest, std::abs(slope));
    }
    EXPECT_GT(largest, 1e-4) << part.name;  // agreement of zeros would prove nothing
  }
}

}  // namespace posbench
