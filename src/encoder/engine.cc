#include "encoder/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <dnnl.hpp>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "encoder/arena.h"
#include "encoder/matmul.h"
#include "kernel/attention.h"
#include "kernel/vector_ops.h"

namespace posbench {
namespace {

std::size_t as_size(int n) { return static_cast<std::size_t>(n); }

template <class T>
void zero_rows(T* x, std::size_t first, std::size_t last, std::size_t d) {
  std::fill(x + first * d, x + last * d, T{});
}

// Stored is what matrix products read: Real itself, or bf16.
template <class Real, class Stored>
class EngineOf : public Engine<Real> {
  static constexpr bool kSame = std::is_same_v<Real, Stored>;

 public:
  explicit EngineOf(const EngineModel<Real>& model)
      : model_(model),
        at_(model.layout),
        d_(as_size(model.shape.hidden)),
        ff_(as_size(model.shape.feed_forward)),
        classes_(as_size(model.shape.classes)) {
    if constexpr (!kSame) stored_.resize(at_.parameters.buffer_size());
  }

  void forward(const Batch& batch, const Real* values, Real* logits) override {
    values_ = values;
    gradients_ = nullptr;
    clock_.start();
    begin_positions(batch);
    for (Block block{}; block.last_sequence < batch.sequences();) {
      begin(batch, block);
      const Real* found = run_forward(batch, nullptr);
      std::copy_n(found, block_.labels() * classes_, logits + block_.first_label * classes_);
      clock_.lap(Part::head);
      block = block_;
    }
  }

  double gradients(const Batch& batch, const Real* values, Real* gradients) override {
    values_ = values;
    gradients_ = gradients;
    clock_.start();
    zero_added_gradients();
    row_losses_.resize(batch.rows.size());
    kept_layers_.resize(at_.layers.size());
    begin_positions(batch);
    for (Block block{}; block.last_sequence < batch.sequences();) {
      begin(batch, block);
      Real* logits = run_forward(batch, &kept_layers_);
      run_backward(batch, logits);
      block = block_;
    }
    model_.encoding.end_pass(position_values_, position_gradients_);
    clock_.lap(Part::position);
    ++step_;
    double sum = 0;
    for (const Real loss : row_losses_) sum += static_cast<double>(loss);
    return sum / static_cast<double>(batch.rows.size());
  }

  Bf16* stored() override {
    if constexpr (kSame) return nullptr;
    return stored_.data();
  }

  void values_changed() override { matmul_.weights_changed(); }

  void lay_out(std::size_t shift) override {
    kept_ = Arena(shift);
    scratch_ = Arena(shift);
  }

  std::size_t arena_bytes() const override { return kept_.bytes() + scratch_.bytes(); }

 private:
  // Rows (n, d) of the residual stream, and the same as products read them.
  struct Rows {
    Real* value;
    Stored* stored;

    Bf16* copy() const {
      if constexpr (kSame)
        return nullptr;
      else
        return stored;
    }
  };
  struct Norm {               // what a layer norm keeps for backward; null at inference
    Real* normalised;         // (n, d)
    Real* inverse_deviation;  // (n)
  };
  struct KeptLayer {  // what a layer keeps for backward
    Rows input;       // (n, d)
    Stored* qkv;      // (n, 3d), without its bias
    Stored* weights;  // attention_weights()
    Stored* context;  // (n, d)
    Norm norm1;
    Rows middle;        // (n, d), output of norm1
    Stored* slope;      // (n, ff), derivative of gelu
    Stored* activated;  // (n, ff), after gelu
    Norm norm2;
  };
  // Streams of dropout: one for each place and step.
  static constexpr std::uint64_t kPlacesPerLayer = 2;

  // Opens the encoding's pass over a batch; what it makes for the scores serves all blocks.
  void begin_positions(const Batch& batch) {
    const auto pointers = [this](auto* buffer, auto& to) {
      to.shared = buffer + at_.position;
      to.layers.clear();
      for (const LayerOffsets& layer : at_.layers) to.layers.push_back(buffer + layer.position);
    };
    pointers(values_, position_values_);
    if (gradients_ != nullptr) pointers(gradients_, position_gradients_);
    std::int32_t longest = 0;
    for (std::size_t s = 0; s < batch.sequences(); ++s) {
      longest = std::max(longest, batch.offsets[s + 1] - batch.offsets[s]);
    }
    model_.encoding.begin_pass(position_values_, as_size(longest), gradients_ != nullptr);
    clock_.lap(Part::position);
  }

  void begin(const Batch& batch, const Block& after) {
    block_ = next_block(batch, after);
    n_ = whole_steps(block_.rows());
    offsets_.clear();
    for (std::size_t s = block_.first_sequence; s <= block_.last_sequence; ++s) {
      offsets_.push_back(batch.offsets[s] - static_cast<std::int32_t>(block_.first_row));
    }
    attention_ = {offsets_, {}, model_.shape.hidden, model_.shape.heads};
    if (!batch.lengths.empty()) {
      attention_.lengths =
          std::span(batch.lengths)
              .subspan(block_.first_sequence, block_.last_sequence - block_.first_sequence);
    }
    kept_.reset();
    scratch_.reset();
  }

  const Stored* weight(const LinearOffsets& at) const {
    if constexpr (kSame)
      return values_ + at.weight;
    else
      return stored_.data() + at.weight;
  }

  // y (n, out) = x (n, in) W
  template <class Out>
  void product(const Stored* x, const LinearOffsets& at, std::size_t in, std::size_t out, Out* y,
               std::size_t rows) {
    matmul_.by_weights({false, false, rows, out, in, false}, x, weight(at), y);
  }

  // dx (n, in) = dy (n, out) Wᵀ, or dx += that
  template <class Out>
  void product_backward(const Stored* dy, const LinearOffsets& at, std::size_t in, std::size_t out,
                        Out* dx, std::size_t rows, bool adds) {
    matmul_.by_weights({false, true, rows, in, out, adds}, dy, weight(at), dx);
  }

  // dW (in, out) = xᵀ dy in a step's first block, += in the others.
  void weight_gradient(const Stored* x, const Stored* dy, const LinearOffsets& at, std::size_t in,
                       std::size_t out, std::size_t rows) {
    matmul_({true, false, in, out, rows, block_.first_sequence > 0}, x, dy, gradients_ + at.weight);
  }

  Rows take_rows(Arena& arena) {
    Rows rows{arena.take<Real>(n_ * d_), nullptr};
    if constexpr (kSame)
      rows.stored = rows.value;
    else
      rows.stored = arena.take<Stored>(n_ * d_);
    return rows;
  }

  Norm take_norm(bool trains) {
    if (!trains) return {nullptr, nullptr};
    return {kept_.take<Real>(n_ * d_), kept_.take<Real>(n_)};
  }

  void drop(Real* x, std::size_t place) const {
    const std::uint64_t stream = model_.seed * 0x9E3779B97F4A7C15u +
                                 step_ * (kPlacesPerLayer * at_.layers.size() + 1) + place;
    dropout(x, block_.rows() * d_, static_cast<Real>(model_.dropout), stream,
            block_.first_row * d_);
  }
  bool drops() const { return gradients_ != nullptr && model_.dropout > 0; }

  // y = norm(dropout(product + bias) + residual)
  void close(Real* product, std::size_t bias, const Real* residual, const NormOffsets& at,
             std::size_t place, const Rows& y, const Norm& kept) {
    const Real* added = values_ + bias;
    if (drops()) {
      add_bias(product, added, n_, d_);
      drop(product, place);
      added = nullptr;
    }
    add_norm(product, added, residual, values_ + at.gamma, values_ + at.beta, n_, d_, y.value,
             y.copy(), kept.normalised, kept.inverse_deviation);
    clock_.lap(Part::norm);
  }

  // dz (n, d) = gradient of the sum inside close(), in place of dy; returns what the product's own
  // gradient is, as products read it.
  const Stored* close_backward(Real* dy, std::size_t bias, const NormOffsets& at, std::size_t place,
                               const Norm& kept) {
    Rows dz{dy, nullptr};
    if constexpr (kSame)
      dz.stored = dy;
    else
      dz.stored = scratch_.take<Stored>(n_ * d_);
    Real* dbias = gradients_ + bias;
    add_norm_backward(dy, values_ + at.gamma, kept.normalised, kept.inverse_deviation, n_, d_,
                      dz.value, dz.copy(), gradients_ + at.gamma, gradients_ + at.beta,
                      drops() ? nullptr : dbias);
    if (drops()) {
      Real* dropped = scratch_.take<Real>(n_ * d_);
      std::copy_n(dz.value, n_ * d_, dropped);
      drop(dropped, place);
      add_column_sums(dbias, dropped, n_, d_);
      if constexpr (kSame)
        dz.stored = dropped;
      else
        round_to_bf16(dropped, n_ * d_, dz.stored);
    }
    clock_.lap(Part::norm);
    return dz.stored;
  }

  void embed(const Batch& batch, const Rows& x) {
    Real* sum = scratch_.take<Real>(n_ * d_);
    for (std::size_t t = 0; t < block_.rows(); ++t) {
      const auto token = as_size(batch.tokens[block_.first_row + t]);
      std::copy_n(values_ + at_.token + token * d_, d_, sum + t * d_);
    }
    zero_rows(sum, block_.rows(), n_, d_);
    clock_.lap(Part::embedding);
    model_.encoding.forward(values_ + at_.position, positions(batch), sum);
    clock_.lap(Part::position);
    norm0_ = take_norm(gradients_ != nullptr);
    add_norm(nullptr, nullptr, sum, values_ + at_.norm0.gamma, values_ + at_.norm0.beta, n_, d_,
             x.value, x.copy(), norm0_.normalised, norm0_.inverse_deviation);
    if (drops()) {
      drop(x.value, 0);
      if constexpr (!kSame) round_to_bf16(x.value, n_ * d_, x.stored);
    }
    clock_.lap(Part::norm);
  }

  std::span<const std::int32_t> positions(const Batch& batch) const {
    return std::span(batch.positions).subspan(block_.first_row, block_.rows());
  }

  // y (n, d) from x (n, d); keeps what backward needs unless `kept` is null.
  void layer_forward(const Batch& batch, std::size_t index, const Rows& x, const Rows& y,
                     KeptLayer* kept) {
    const LayerOffsets& at = at_.layers[index];
    const bool trains = kept != nullptr;
    scratch_.reset();
    Arena& arena = trains ? kept_ : scratch_;

    KeptLayer k{};
    k.input = x;
    k.qkv = arena.take<Stored>(n_ * 3 * d_);
    product(x.stored, at.qkv, d_, 3 * d_, k.qkv, n_);
    if (trains) k.weights = arena.take<Stored>(attention_weights(attention_));
    k.context = arena.take<Stored>(n_ * d_);
    zero_rows(k.context, block_.rows(), n_, d_);
    const ScoreTerms<Real> terms = model_.encoding.terms(index);
    const Real* bias = values_ + at.qkv.bias;
    if (const Rotation<Real>* rotation = model_.encoding.rotation()) {
      clock_.lap(Part::attention);
      rotate(*rotation, positions(batch), model_.shape.hidden, model_.shape.heads, bias, k.qkv);
      bias = nullptr;
      clock_.lap(Part::position);
    }
    Real* scratch = scratch_.take<Real>(attention_scratch(attention_, terms));
    attention(attention_, k.qkv, bias, terms, scratch, k.weights, k.context);
    Real* sum = scratch_.take<Real>(n_ * d_);
    product(k.context, at.out, d_, d_, sum, n_);
    clock_.lap(Part::attention);

    k.middle = take_rows(arena);
    k.norm1 = take_norm(trains);
    close(sum, at.out.bias, x.value, at.norm1, kPlacesPerLayer * index + 1, k.middle, k.norm1);

    k.slope = arena.take<Stored>(n_ * ff_);
    product(k.middle.stored, at.ff1, d_, ff_, k.slope, n_);
    // Without a backward pass the activations replace their inputs.
    k.activated = trains ? arena.take<Stored>(n_ * ff_) : k.slope;
    bias_gelu(k.slope, values_ + at.ff1.bias, n_, ff_, k.activated, trains ? k.slope : nullptr);
    product(k.activated, at.ff2, ff_, d_, sum, n_);
    clock_.lap(Part::feed_forward);

    k.norm2 = take_norm(trains);
    close(sum, at.ff2.bias, k.middle.value, at.norm2, kPlacesPerLayer * index + 2, y, k.norm2);
    if (trains) *kept = k;
  }

  // Turns dx from the gradient of the layer's output into that of its input.
  void layer_backward(const Batch& batch, std::size_t index, const KeptLayer& k, Real* dx) {
    const LayerOffsets& at = at_.layers[index];
    scratch_.reset();

    const Stored* dsum =
        close_backward(dx, at.ff2.bias, at.norm2, kPlacesPerLayer * index + 2, k.norm2);
    Stored* dff = scratch_.take<Stored>(n_ * ff_);
    product_backward(dsum, at.ff2, ff_, d_, dff, n_, false);
    weight_gradient(k.activated, dsum, at.ff2, ff_, d_, n_);
    gelu_backward(k.slope, n_, ff_, dff, gradients_ + at.ff1.bias);
    weight_gradient(k.middle.stored, dff, at.ff1, d_, ff_, n_);
    product_backward(dff, at.ff1, d_, ff_, dx, n_, true);  // onto the residual's own gradient
    clock_.lap(Part::feed_forward);

    dsum = close_backward(dx, at.out.bias, at.norm1, kPlacesPerLayer * index + 1, k.norm1);
    Stored* dcontext = scratch_.take<Stored>(n_ * d_);
    product_backward(dsum, at.out, d_, d_, dcontext, n_, false);
    weight_gradient(k.context, dsum, at.out, d_, d_, n_);
    Stored* dqkv = scratch_.take<Stored>(n_ * 3 * d_);
    zero_rows(dqkv, block_.rows(), n_, 3 * d_);
    const ScoreTerms<Real> terms = model_.encoding.terms(index);
    const Rotation<Real>* rotation = model_.encoding.rotation();
    Real* scratch = scratch_.take<Real>(attention_scratch(attention_, terms));
    Real* dbias = gradients_ + at.qkv.bias;
    attention_backward(attention_, k.qkv, rotation ? nullptr : values_ + at.qkv.bias, terms,
                       k.weights, dcontext, scratch, dqkv, rotation ? nullptr : dbias,
                       model_.encoding.term_gradients(index));
    if (rotation != nullptr) {
      clock_.lap(Part::attention);
      rotate_backward(*rotation, positions(batch), model_.shape.hidden, model_.shape.heads, dqkv,
                      dbias);
      clock_.lap(Part::position);
    }
    weight_gradient(k.input.stored, dqkv, at.qkv, d_, 3 * d_, n_);
    product_backward(dqkv, at.qkv, d_, 3 * d_, dx, n_, true);
    clock_.lap(Part::attention);
  }

  // logits of the block's labelled rows (padded to whole steps, classes), in kept_.
  Real* run_forward(const Batch& batch, std::vector<KeptLayer>* kept) {
    Rows x = take_rows(kept_);
    embed(batch, x);
    Rows y = take_rows(kept_);
    for (std::size_t i = 0; i < at_.layers.size(); ++i) {
      layer_forward(batch, i, x, y, kept ? &(*kept)[i] : nullptr);
      // Training keeps every layer's input; inference needs two buffers in all.
      const Rows spare = kept ? (i + 1 < at_.layers.size() ? take_rows(kept_) : x) : x;
      x = y;
      y = spare;
    }
    const std::size_t labels = whole_steps(block_.labels());
    head_input_ = x.stored;
    if (!every_row_labelled()) {
      head_input_ = kept_.take<Stored>(labels * d_);
      for (std::size_t r = 0; r < block_.labels(); ++r) {
        std::copy_n(x.stored + labelled_row(batch, r) * d_, d_, head_input_ + r * d_);
      }
      zero_rows(head_input_, block_.labels(), labels, d_);
    }
    Real* logits = kept_.take<Real>(labels * classes_);
    if (labels > 0) product(head_input_, at_.head, d_, classes_, logits, labels);
    add_bias(logits, values_ + at_.head.bias, block_.labels(), classes_);
    clock_.lap(Part::head);
    return logits;
  }

  bool every_row_labelled() const { return block_.labels() == block_.rows(); }

  std::size_t labelled_row(const Batch& batch, std::size_t r) const {
    return as_size(batch.rows[block_.first_label + r]) - block_.first_row;
  }

  void run_backward(const Batch& batch, const Real* logits) {
    Real* dx = kept_.take<Real>(n_ * d_);
    head_backward(batch, logits, dx);
    for (std::size_t i = at_.layers.size(); i-- > 0;) layer_backward(batch, i, kept_layers_[i], dx);
    embed_backward(batch, dx);
  }

  // dx (n, d): gradient of the last layer's output.
  void head_backward(const Batch& batch, const Real* logits, Real* dx) {
    scratch_.reset();
    const std::size_t real = block_.labels(), labels = whole_steps(real);
    if (real == 0) {
      zero_rows(dx, 0, n_, d_);
      // Nothing else fills the gradient that a first block overwrites.
      if (block_.first_sequence == 0) zero_rows(gradients_ + at_.head.weight, 0, d_, classes_);
      return;
    }
    Stored* dlogits = scratch_.take<Stored>(labels * classes_);
    const Real scale = static_cast<Real>(1 / static_cast<double>(batch.rows.size()));
    cross_entropy(logits, batch.labels.data() + block_.first_label, real, classes_,
                  row_losses_.data() + block_.first_label, scale, dlogits,
                  gradients_ + at_.head.bias);
    zero_rows(dlogits, real, labels, classes_);
    weight_gradient(head_input_, dlogits, at_.head, d_, classes_, labels);
    if (every_row_labelled()) {
      product_backward(dlogits, at_.head, d_, classes_, dx, labels, false);
    } else {
      Real* dhead = scratch_.take<Real>(labels * d_);
      product_backward(dlogits, at_.head, d_, classes_, dhead, labels, false);
      zero_rows(dx, 0, n_, d_);
      for (std::size_t r = 0; r < real; ++r) {
        std::copy_n(dhead + r * d_, d_, dx + labelled_row(batch, r) * d_);
      }
    }
    clock_.lap(Part::head);
  }

  void embed_backward(const Batch& batch, Real* dx) {
    if (drops()) drop(dx, 0);
    add_norm_backward(dx, values_ + at_.norm0.gamma, norm0_.normalised, norm0_.inverse_deviation,
                      n_, d_, dx, nullptr, gradients_ + at_.norm0.gamma,
                      gradients_ + at_.norm0.beta, nullptr);
    clock_.lap(Part::norm);
    for (std::size_t t = 0; t < block_.rows(); ++t) {
      const auto token = as_size(batch.tokens[block_.first_row + t]);
      add_to(gradients_ + at_.token + token * d_, dx + t * d_, d_);
    }
    clock_.lap(Part::embedding);
    model_.encoding.backward(positions(batch), dx, gradients_ + at_.position);
    clock_.lap(Part::position);
  }

  // The gradients of products are overwritten by a step's first block; all others are sums.
  void zero_added_gradients() {
    for (const Parameter& part : at_.parameters.parts()) {
      if (part.rows == 1 || at_.is_table(part)) {
        std::fill_n(gradients_ + part.offset, part.size(), Real{0});
      }
    }
    clock_.lap(Part::embedding);
  }

  using Engine<Real>::clock_;
  const EngineModel<Real> model_;
  const EncoderLayout& at_;
  const std::size_t d_, ff_, classes_;
  Buffer<Bf16> stored_;
  Matmul matmul_;
  std::uint64_t step_ = 0;

  const Real* values_ = nullptr;
  Real* gradients_ = nullptr;  // null: inference
  PositionValues<const Real> position_values_{};
  PositionValues<Real> position_gradients_{};
  Block block_{};
  std::size_t n_ = 0;                  // the block's rows in whole steps
  std::vector<std::int32_t> offsets_;  // of its sequences, from 0
  AttentionShape attention_{};
  Arena kept_, scratch_;  // until the next block; until the next layer
  Norm norm0_{};
  std::vector<KeptLayer> kept_layers_;
  Stored* head_input_ = nullptr;  // (labels in whole steps, d)
  std::vector<Real> row_losses_;  // (R)
};

void require_bf16() {
  const auto isa = dnnl::get_effective_cpu_isa();
  if (isa == dnnl::cpu_isa::sse41 || isa == dnnl::cpu_isa::avx || isa == dnnl::cpu_isa::avx2 ||
      isa == dnnl::cpu_isa::avx2_vnni) {
    throw Unavailable(
        "precision bf16 needs AVX-512, which this CPU or the instruction set asked for does not "
        "have; use precision f32");
  }
}

}  // namespace

template <class Real>
std::unique_ptr<Engine<Real>> make_engine(const std::string& precision,
                                          const EngineModel<Real>& model) {
  if (precision == "f32") return std::make_unique<EngineOf<Real, Real>>(model);
  if (precision != "bf16") throw UserError(unknown_word("precision", precision, {"f32", "bf16"}));
  if constexpr (std::is_same_v<Real, float>) {
    require_bf16();
    return std::make_unique<EngineOf<float, Bf16>>(model);
  } else {
    throw UserError("precision bf16 is for measurements; gradient checks run in f64");
  }
}

template std::unique_ptr<Engine<float>> make_engine(const std::string&, const EngineModel<float>&);
template std::unique_ptr<Engine<double>> make_engine(const std::string&,
                                                     const EngineModel<double>&);

}  // namespace posbench
