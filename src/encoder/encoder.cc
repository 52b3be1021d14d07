#include "encoder/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "encoder/attention.h"
#include "encoder/matmul.h"
#include "kernel/vector_ops.h"

namespace posbench {
namespace {

std::size_t as_size(int n) { return static_cast<std::size_t>(n); }

// Adds the time it lives to a counter.
class Stopwatch {
 public:
  explicit Stopwatch(std::uint64_t& sum) : sum_(sum), start_(Clock::now()) {}
  ~Stopwatch() {
    sum_ += static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start_).count());
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  std::uint64_t& sum_;
  Clock::time_point start_;
};

void require(const EncoderShape& s) {
  const auto positive = [](const char* name, int value) {
    if (value < 1) throw UserError(fmt::format("{} is {}; it must be at least 1", name, value));
  };
  positive("vocabulary", s.vocabulary);
  positive("classes", s.classes);
  positive("hidden", s.hidden);
  positive("layers", s.layers);
  positive("heads", s.heads);
  positive("feed_forward", s.feed_forward);
  positive("max_length", s.max_length);
  if (s.hidden % s.heads != 0) {
    throw UserError(fmt::format(
        "hidden {} is not a multiple of heads {}; choose heads that divide it", s.hidden, s.heads));
  }
}

EncodingOptions encoding_options(const EncoderOptions& options) {
  return {options.convention,       options.producer,     options.shape.hidden,
          options.shape.max_length, options.position_rms, options.seed};
}

}  // namespace

void Batch::clear() {
  tokens.clear();
  positions.clear();
  offsets.assign(1, 0);
  rows.clear();
  labels.clear();
}

template <class Real>
Encoder<Real>::Encoder(const EncoderOptions& options) : options_(options) {
  require(options.shape);
  encoding_ = make_encoding<Real>(options.encoding, encoding_options(options));
  add_parameters();
  parameters_.assign(layout_.buffer_size(), Real{0});
  gradients_.assign(layout_.buffer_size(), Real{0});
  initialize();
}

template <class Real>
void Encoder<Real>::add_parameters() {
  const std::size_t d = as_size(options_.shape.hidden), ff = as_size(options_.shape.feed_forward);
  const auto matrix = [&](const std::string& name, std::size_t rows, std::size_t columns) {
    return layout_.add(name, rows, columns, /*decays=*/true);
  };
  const auto vector = [&](const std::string& name, std::size_t size) {
    return layout_.add(name, 1, size, /*decays=*/false);
  };
  token_ = matrix("token", as_size(options_.shape.vocabulary), d);
  position_ = matrix("position", encoding_->parameter_count() / d, d);
  norm0_gamma_ = vector("norm0.gamma", d);
  norm0_beta_ = vector("norm0.beta", d);
  for (int i = 0; i < options_.shape.layers; ++i) {
    const std::string at = fmt::format("layer{}.", i);
    Layer layer{};
    layer.qkv = matrix(at + "qkv", d, 3 * d);
    layer.qkv_bias = vector(at + "qkv_bias", 3 * d);
    layer.out = matrix(at + "out", d, d);
    layer.out_bias = vector(at + "out_bias", d);
    layer.norm1_gamma = vector(at + "norm1.gamma", d);
    layer.norm1_beta = vector(at + "norm1.beta", d);
    layer.ff1 = matrix(at + "ff1", d, ff);
    layer.ff1_bias = vector(at + "ff1_bias", ff);
    layer.ff2 = matrix(at + "ff2", ff, d);
    layer.ff2_bias = vector(at + "ff2_bias", d);
    layer.norm2_gamma = vector(at + "norm2.gamma", d);
    layer.norm2_beta = vector(at + "norm2.beta", d);
    layers_.push_back(layer);
  }
  head_ = matrix("head", d, as_size(options_.shape.classes));
  head_bias_ = vector("head_bias", as_size(options_.shape.classes));
}

// Each part draws from a stream of its own name: arms that share a seed share every value but the
// positions'.
template <class Real>
void Encoder<Real>::initialize() {
  for (const Parameter& part : layout_.parts()) {
    Real* values = parameters_.data() + part.offset;
    if (part.name == "position") {
      encoding_->initialize(values);
    } else if (part.name.ends_with("gamma")) {
      std::fill(values, values + part.size(), Real{1});
    } else if (part.rows > 1) {
      const double deviation =
          part.name == "token" ? options_.token_rms : 1 / std::sqrt(static_cast<double>(part.rows));
      Random random(options_.seed, part.name);
      for (std::size_t i = 0; i < part.size(); ++i) {
        values[i] = static_cast<Real>(deviation * random.normal());
      }
    }
  }
}

template <class Real>
void Encoder<Real>::check(const Batch& batch) const {
  for (std::size_t s = 0; s + 1 < batch.offsets.size(); ++s) {
    const int length = batch.offsets[s + 1] - batch.offsets[s];
    if (length < 1 || length > options_.shape.max_length) {
      throw UserError(
          fmt::format("sequence {} of the batch has {} tokens; this encoder takes 1 to {}", s,
                      length, options_.shape.max_length));
    }
  }
  for (const std::int32_t token : batch.tokens) {
    if (token < 0 || token >= options_.shape.vocabulary) {
      throw UserError(fmt::format("token id {} is outside the vocabulary of {}", token,
                                  options_.shape.vocabulary));
    }
  }
  if (batch.rows.empty()) throw UserError("a batch with no labelled row has no loss");
  for (const std::int32_t label : batch.labels) {
    if (label < 0 || label >= options_.shape.classes) {
      throw UserError(
          fmt::format("label {} is outside the {} classes", label, options_.shape.classes));
    }
  }
}

template <class Real>
typename Encoder<Real>::Norm Encoder<Real>::take_norm(std::size_t rows) {
  return {arena_.take(rows * as_size(options_.shape.hidden)), arena_.take(rows)};
}

// y (rows, out) = x (rows, in) W + b
template <class Real>
void Encoder<Real>::linear(const Real* x, std::size_t rows, std::size_t weight, std::size_t bias,
                           long in, long out, Real* y) const {
  matmul({false, false, static_cast<long>(rows), out, in}, Real{1}, x, in,
         parameters_.data() + weight, out, Real{0}, y, out);
  add_bias(y, parameters_.data() + bias, rows, static_cast<std::size_t>(out));
}

// Adds to the gradients of W and b; dx (rows, in) = dy Wᵀ.
template <class Real>
void Encoder<Real>::linear_backward(const Real* x, const Real* dy, std::size_t rows,
                                    std::size_t weight, std::size_t bias, long in, long out,
                                    Real* dx) {
  const long m = static_cast<long>(rows);
  matmul({true, false, in, out, m}, Real{1}, x, in, dy, out, Real{1}, gradients_.data() + weight,
         out);
  add_column_sums(gradients_.data() + bias, dy, rows, static_cast<std::size_t>(out));
  matmul({false, true, m, in, out}, Real{1}, dy, out, parameters_.data() + weight, out, Real{0}, dx,
         in);
}

template <class Real>
const Real* Encoder<Real>::embed(const Batch& batch) {
  const std::size_t d = as_size(options_.shape.hidden), rows = batch.size();
  Real* sum = arena_.take(rows * d);
  for (std::size_t t = 0; t < rows; ++t) {
    const Real* row = parameters_.data() + token_ + static_cast<std::size_t>(batch.tokens[t]) * d;
    std::copy(row, row + d, sum + t * d);
  }
  {
    const Stopwatch watch(position_ns_);
    encoding_->forward(parameters_.data() + position_, batch.positions, sum);
  }
  norm0_ = take_norm(rows);
  layer_norm(sum, parameters_.data() + norm0_gamma_, parameters_.data() + norm0_beta_, rows, d, sum,
             norm0_.normalised, norm0_.inverse_deviation);
  return sum;
}

template <class Real>
const Real* Encoder<Real>::run_layer(const Batch& batch, const Layer& layer, const Real* x) {
  const std::size_t d = as_size(options_.shape.hidden), ff = as_size(options_.shape.feed_forward);
  const std::size_t rows = batch.size();
  const long dl = options_.shape.hidden, ffl = options_.shape.feed_forward;
  const AttentionShape heads{batch.offsets, options_.shape.hidden, options_.shape.heads};
  const Real* p = parameters_.data();

  LayerActivations a{};
  a.input = x;
  a.qkv = arena_.take(rows * 3 * d);
  linear(x, rows, layer.qkv, layer.qkv_bias, dl, 3 * dl, a.qkv);
  a.weights = arena_.take(heads.weights());
  a.context = arena_.take(rows * d);
  attention(heads, a.qkv, a.weights, a.context);
  a.middle = arena_.take(rows * d);
  linear(a.context, rows, layer.out, layer.out_bias, dl, dl, a.middle);
  add_to(a.middle, x, rows * d);
  a.norm1 = take_norm(rows);
  layer_norm(a.middle, p + layer.norm1_gamma, p + layer.norm1_beta, rows, d, a.middle,
             a.norm1.normalised, a.norm1.inverse_deviation);

  a.ff_input = arena_.take(rows * ff);
  linear(a.middle, rows, layer.ff1, layer.ff1_bias, dl, ffl, a.ff_input);
  a.ff_output = arena_.take(rows * ff);
  gelu(a.ff_input, rows * ff, a.ff_output);
  a.output = arena_.take(rows * d);
  linear(a.ff_output, rows, layer.ff2, layer.ff2_bias, ffl, dl, a.output);
  add_to(a.output, a.middle, rows * d);
  a.norm2 = take_norm(rows);
  layer_norm(a.output, p + layer.norm2_gamma, p + layer.norm2_beta, rows, d, a.output,
             a.norm2.normalised, a.norm2.inverse_deviation);
  kept_.push_back(a);
  return a.output;
}

template <class Real>
const Real* Encoder<Real>::forward(const Batch& batch) {
  check(batch);
  arena_.reset();
  kept_.clear();
  const std::size_t d = as_size(options_.shape.hidden);
  const Real* x = embed(batch);
  for (const Layer& layer : layers_) x = run_layer(batch, layer, x);
  head_input_ = arena_.take(batch.rows.size() * d);
  for (std::size_t r = 0; r < batch.rows.size(); ++r) {
    const Real* row = x + static_cast<std::size_t>(batch.rows[r]) * d;
    std::copy(row, row + d, head_input_ + r * d);
  }
  logits_ = arena_.take(batch.rows.size() * as_size(options_.shape.classes));
  linear(head_input_, batch.rows.size(), head_, head_bias_, options_.shape.hidden,
         options_.shape.classes, logits_);
  return logits_;
}

template <class Real>
double Encoder<Real>::loss(const Batch& batch, std::vector<Real>* row_losses, bool with_gradients) {
  const std::size_t rows = batch.rows.size(), classes = as_size(options_.shape.classes);
  Real* p = arena_.take(rows * classes);
  std::copy(logits_, logits_ + rows * classes, p);
  softmax(p, rows, classes, Real{1});
  if (row_losses) row_losses->resize(rows);
  double sum = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    // The smallest normal number keeps the logarithm of a probability that underflowed finite.
    const Real likelihood = p[r * classes + as_size(batch.labels[r])];
    const Real nats = -std::log(std::max(likelihood, std::numeric_limits<Real>::min()));
    if (row_losses) (*row_losses)[r] = std::isnan(likelihood) ? likelihood : nats;
    sum += std::isnan(likelihood) ? static_cast<double>(likelihood) : static_cast<double>(nats);
  }
  const double count = static_cast<double>(rows);
  if (with_gradients) {
    const Real share = static_cast<Real>(1 / count);
    for (std::size_t r = 0; r < rows; ++r) {
      p[r * classes + as_size(batch.labels[r])] -= 1;
      for (std::size_t c = 0; c < classes; ++c) p[r * classes + c] *= share;
    }
    backward(batch, p);
  }
  return sum / count;
}

template <class Real>
Real* Encoder<Real>::layer_backward(const Batch& batch, const Layer& layer,
                                    const LayerActivations& kept, Real* dy) {
  const std::size_t d = as_size(options_.shape.hidden), ff = as_size(options_.shape.feed_forward);
  const std::size_t rows = batch.size();
  const long dl = options_.shape.hidden, ffl = options_.shape.feed_forward;
  const AttentionShape heads{batch.offsets, options_.shape.hidden, options_.shape.heads};
  const Real* p = parameters_.data();
  Real* g = gradients_.data();

  layer_norm_backward(dy, p + layer.norm2_gamma, kept.norm2.normalised,
                      kept.norm2.inverse_deviation, rows, d, dy, g + layer.norm2_gamma,
                      g + layer.norm2_beta);
  Real* dff = arena_.take(rows * ff);
  linear_backward(kept.ff_output, dy, rows, layer.ff2, layer.ff2_bias, ffl, dl, dff);
  gelu_backward(kept.ff_input, rows * ff, dff);
  Real* dmiddle = arena_.take(rows * d);
  linear_backward(kept.middle, dff, rows, layer.ff1, layer.ff1_bias, dl, ffl, dmiddle);
  add_to(dmiddle, dy, rows * d);

  layer_norm_backward(dmiddle, p + layer.norm1_gamma, kept.norm1.normalised,
                      kept.norm1.inverse_deviation, rows, d, dmiddle, g + layer.norm1_gamma,
                      g + layer.norm1_beta);
  Real* dcontext = arena_.take(rows * d);
  linear_backward(kept.context, dmiddle, rows, layer.out, layer.out_bias, dl, dl, dcontext);
  Real* dqkv = arena_.take(rows * 3 * d);
  attention_backward(heads, kept.qkv, kept.weights, dcontext, arena_, dqkv);
  Real* dx = arena_.take(rows * d);
  linear_backward(kept.input, dqkv, rows, layer.qkv, layer.qkv_bias, dl, 3 * dl, dx);
  add_to(dx, dmiddle, rows * d);
  return dx;
}

template <class Real>
void Encoder<Real>::backward(const Batch& batch, const Real* dlogits) {
  std::fill(gradients_.begin(), gradients_.end(), Real{0});
  const std::size_t d = as_size(options_.shape.hidden), rows = batch.rows.size();
  Real* dhead = arena_.take(rows * d);
  linear_backward(head_input_, dlogits, rows, head_, head_bias_, options_.shape.hidden,
                  options_.shape.classes, dhead);
  Real* dx = arena_.take_zeroed(batch.size() * d);
  for (std::size_t r = 0; r < rows; ++r) {
    std::copy(dhead + r * d, dhead + (r + 1) * d, dx + static_cast<std::size_t>(batch.rows[r]) * d);
  }
  for (std::size_t i = layers_.size(); i-- > 0;)
    dx = layer_backward(batch, layers_[i], kept_[i], dx);
  layer_norm_backward(dx, parameters_.data() + norm0_gamma_, norm0_.normalised,
                      norm0_.inverse_deviation, batch.size(), d, dx,
                      gradients_.data() + norm0_gamma_, gradients_.data() + norm0_beta_);
  for (std::size_t t = 0; t < batch.size(); ++t) {
    add_to(gradients_.data() + token_ + static_cast<std::size_t>(batch.tokens[t]) * d, dx + t * d,
           d);
  }
  const Stopwatch watch(position_ns_);
  encoding_->backward(batch.positions, dx, gradients_.data() + position_);
}

template <class Real>
std::uint64_t Encoder<Real>::take_position_ns() {
  return std::exchange(position_ns_, 0);
}

template class Encoder<float>;
template class Encoder<double>;

}  // namespace posbench
