#include "encoder/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "encoder/span_loss.h"
#include "kernel/vector_ops.h"

namespace posbench {
namespace {

const EncoderOptions& checked(const EncoderOptions& options) {
  require_possible(options);
  return options;
}

}  // namespace

void require_possible(const EncoderOptions& options) {
  require_possible(options.shape);
  const EncoderSystem& system = find_system(options.system);
  const EncodingAbout& encoding = find_encoding(options.encoding);
  require_sensible(system, encoding);
  if (!options.fill.empty() && !encoding.fills) {
    throw UserError(
        fmt::format("fill is '{}', and encoding {} has no learned rows to fill; leave "
                    "it out",
                    options.fill, encoding.name));
  }
  if (system.has_window) require_window(options.shape);
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    throw UserError(
        fmt::format("dropout is {}; it is a probability from 0 to below 1", options.dropout));
  }
}

EncodingOptions encoding_options(const EncoderOptions& options) {
  const EncoderSystem& system = find_system(options.system);
  // Training reaches so many rows whatever the encoding; only a learned table cares.
  const bool fills = find_encoding(options.encoding).fills;
  const bool tiles = system.trained_length > 0 && fills;
  const int trained =
      options.trained_length == 0 && tiles ? system.trained_length : options.trained_length;
  return {.convention = options.convention,
          .producer = options.producer,
          .hidden = options.shape.hidden,
          .heads = options.shape.heads,
          .layers = options.shape.layers,
          .causal = system.causal,
          .max_length = options.shape.max_length,
          .trained_length = fills ? trained : 0,
          .fill = !options.fill.empty() ? options.fill
                  : tiles               ? "tile"
                                        : "random",
          .position_rms = options.position_rms,
          .seed = options.seed};
}

template <class Real>
Encoder<Real>::Encoder(const EncoderOptions& options)
    : options_(checked(options)),
      system_(find_system(options.system)),
      encoding_(make_encoding<Real>(options.encoding, encoding_options(options))),
      layout_(options.shape, system_, encoding_->shared_size(), encoding_->layer_size()),
      parameters_(layout().buffer_size(), Real{0}),
      gradients_(layout().buffer_size(), Real{0}),
      engine_(make_engine<Real>(options.precision, {options_.shape, system_, layout_, *encoding_,
                                                    options.dropout, options.seed})) {
  initialize();
  parameters_changed();
}

// Each part draws from a stream of its own name: arms that share a seed share every value but the
// positions'.
template <class Real>
void Encoder<Real>::initialize() {
  encoding_->initialize(parameters_.data() + layout_.position);
  for (std::size_t i = 0; i < layout_.layers.size(); ++i) {
    encoding_->initialize_layer(i, parameters_.data() + layout_.layers[i].position);
  }
  for (const Parameter& part : layout().parts()) {
    Real* values = parameters_.data() + part.offset;
    if (part.name.ends_with("position")) {
      continue;
    } else if (part.name.ends_with("gamma")) {
      std::fill(values, values + part.size(), Real{1});
    } else if (part.rows > 1) {
      const double deviation = layout_.is_table(part)
                                   ? options_.token_rms
                                   : 1 / std::sqrt(static_cast<double>(part.rows));
      Random random(options_.seed, part.name);
      for (std::size_t i = 0; i < part.size(); ++i) {
        values[i] = static_cast<Real>(deviation * random.normal());
      }
    }
  }
  // Longformer's projections of global rows start as those of all others (Beltagy 2020, §3.1).
  for (const LayerOffsets& layer : layout_.layers) {
    if (!system_.has_window || options_.shape.globals == 0) break;
    const auto d = static_cast<std::size_t>(options_.shape.hidden);
    std::copy_n(parameters_.data() + layer.qkv.weight, d * 3 * d,
                parameters_.data() + layer.global.weight);
  }
}

template <class Real>
void Encoder<Real>::fill_positions() {
  encoding_->fill(parameters_.data() + layout_.position);
  parameters_changed();
}

template <class Real>
void Encoder<Real>::parameters_changed() {
  if constexpr (std::is_same_v<Real, float>) {
    if (Bf16* stored = engine_->stored()) {
      round_to_bf16(parameters_.data(), parameters_.size(), stored);
    }
  }
  engine_->values_changed();
}

template <class Real>
void Encoder<Real>::check(const Batch& batch) const {
  if (!batch.lengths.empty() && batch.lengths.size() != batch.sequences()) {
    throw UserError(fmt::format("a batch of {} sequences has {} lengths; give one for each or none",
                                batch.sequences(), batch.lengths.size()));
  }
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    const int rows = batch.rows_of(s), length = batch.length_of(s);
    if (length < 1 || length > rows || rows > options_.shape.max_length) {
      throw UserError(fmt::format(
          "sequence {} of the batch has {} tokens in {} rows; this encoder takes 1 to {}", s,
          length, rows, options_.shape.max_length));
    }
    if (system_.has_window && length < options_.shape.globals) {
      throw UserError(fmt::format(
          "sequence {} of the batch has {} tokens, fewer than the {} that are global; make fewer "
          "rows global or the sequence longer",
          s, length, options_.shape.globals));
    }
  }
  if (!batch.segments.empty()) {
    if (!system_.has_segments) {
      throw UserError(fmt::format("the batch has segments and system {} has none; system bert does",
                                  system_.name));
    }
    if (batch.segments.size() != batch.size()) {
      throw UserError(fmt::format("a batch of {} tokens has {} segments; give one for each or none",
                                  batch.size(), batch.segments.size()));
    }
    for (const std::int32_t segment : batch.segments) {
      if (segment < 0 || segment >= kSegments) {
        throw UserError(fmt::format("segment {} of a token is neither 0 nor 1", segment));
      }
    }
  }
  for (const std::int32_t token : batch.tokens) {
    if (token < 0 || token >= options_.shape.vocabulary) {
      throw UserError(fmt::format("token id {} is outside the vocabulary of {}", token,
                                  options_.shape.vocabulary));
    }
  }
  if (batch.size() > 0 && batch.features.size() % batch.size() != 0) {
    throw UserError(fmt::format("a batch of {} tokens has {} features; give each token as many",
                                batch.size(), batch.features.size()));
  }
  for (const std::int32_t feature : batch.features) {
    if (feature < -1 || feature >= options_.shape.vocabulary) {
      throw UserError(fmt::format("feature id {} is neither -1 nor inside the vocabulary of {}",
                                  feature, options_.shape.vocabulary));
    }
  }
  if (!batch.spans.empty()) check_spans(batch);
  if (batch.rows.empty()) throw UserError("a batch with no labelled row has no loss");
  for (const std::int32_t label : batch.labels) {
    if (label < 0 || label >= options_.shape.classes) {
      throw UserError(
          fmt::format("label {} is outside the {} classes", label, options_.shape.classes));
    }
  }
}

template <class Real>
void Encoder<Real>::check_spans(const Batch& batch) const {
  if (options_.shape.classes != 2 || !batch.labels.empty() ||
      batch.spans.size() != 2 * batch.sequences()) {
    throw UserError(fmt::format(
        "a batch of {} sequences has {} ends of spans and {} labels for an encoder of {} classes; "
        "spans are two for each sequence, without labels, and take 2 classes",
        batch.sequences(), batch.spans.size(), batch.labels.size(), options_.shape.classes));
  }
  std::size_t row = 0;
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    const auto first = static_cast<std::int32_t>(row);
    while (row < batch.rows.size() && batch.rows[row] < batch.offsets[s + 1]) ++row;
    const std::int32_t start = batch.spans[2 * s], end = batch.spans[2 * s + 1];
    if (first <= start && start <= end && end < static_cast<std::int32_t>(row)) continue;
    throw UserError(
        fmt::format("the span {} to {} of sequence {} is not among its candidate rows {} to {}",
                    start, end, s, first, static_cast<std::int32_t>(row) - 1));
  }
}

template <class Real>
void Encoder<Real>::check(const Batch& batch, const LayerStates<Real>& states) const {
  const EncoderShape& shape = options_.shape;
  if (!system_.has_memory) {
    throw UserError(fmt::format(
        "system {} takes no states of earlier text; system transformer_xl does", system_.name));
  }
  if (states.layers() != layout_.layers.size() ||
      states.hidden() != static_cast<std::size_t>(shape.hidden) ||
      states.sequences() != batch.sequences()) {
    throw UserError(fmt::format(
        "states of {} layers of d {} for {} sequences meet an encoder of {} layers of d {} and a "
        "batch of {}; make them for this encoder and batch",
        states.layers(), states.hidden(), states.sequences(), shape.layers, shape.hidden,
        batch.sequences()));
  }
  for (std::size_t s = 0; s < batch.sequences(); ++s) {
    if (states.cached()[s] + batch.rows_of(s) > shape.max_length) {
      throw UserError(fmt::format(
          "sequence {} of the batch has {} rows behind {} cached ones; this encoder takes {} in "
          "all: cache fewer or give it a larger max_length",
          s, batch.rows_of(s), states.cached()[s], shape.max_length));
    }
  }
  // An encoding would refuse it too, but in the midst of the pass, with half of the states renewed.
  for (const std::int32_t position : batch.positions) {
    if (position < 0 || position >= shape.max_length) {
      throw UserError(fmt::format("position id {} is outside the {} positions of this encoder",
                                  position, shape.max_length));
    }
  }
}

template <class Real>
const Real* Encoder<Real>::forward(const Batch& batch, LayerStates<Real>* states) {
  check(batch);
  if (states != nullptr) check(batch, *states);
  logits_.resize(batch.rows.size() * static_cast<std::size_t>(options_.shape.classes));
  engine_->forward(batch, parameters_.data(), logits_.data(), states);
  return logits_.data();
}

template <class Real>
double Encoder<Real>::loss(const Batch& batch, std::vector<Real>* row_losses,
                           LayerStates<Real>* states) {
  forward(batch, states);
  std::vector<Real>& losses = row_losses ? *row_losses : own_row_losses_;
  if (batch.spans.empty()) {
    losses.resize(batch.rows.size());
    cross_entropy(logits_.data(), batch.labels.data(), batch.rows.size(),
                  static_cast<std::size_t>(options_.shape.classes), losses.data(), Real{1},
                  static_cast<Real*>(nullptr), nullptr);
  } else {
    losses.resize(batch.sequences());
    span_cross_entropy(batch, 0, batch.sequences(), logits_.data(), losses.data(), Real{1},
                       static_cast<Real*>(nullptr));
  }
  clock().lap(Part::head);
  double sum = 0;
  for (const Real loss : losses) sum += static_cast<double>(loss);
  return sum / static_cast<double>(losses.size());
}

template <class Real>
std::vector<Buffer<Real>> Encoder<Real>::hidden_states(const Batch& batch) {
  std::vector<Buffer<Real>> states(layout_.layers.size());
  for (auto& layer : states) {
    layer.resize(batch.size() * static_cast<std::size_t>(options_.shape.hidden));
  }
  engine_->watch(&states);
  forward(batch);
  engine_->watch(nullptr);
  return states;
}

template <class Real>
double Encoder<Real>::loss_and_gradients(const Batch& batch, LayerStates<Real>* states) {
  check(batch);
  if (states != nullptr) check(batch, *states);
  return engine_->gradients(batch, parameters_.data(), gradients_.data(), states);
}

template class Encoder<float>;
template class Encoder<double>;

}  // namespace posbench
