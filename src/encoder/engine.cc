#include "encoder/engine.h"

#include <dnnl.hpp>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"
#include "encoder/feed_forward.h"
#include "encoder/input_sum.h"
#include "encoder/output_head.h"
#include "encoder/residual.h"
#include "encoder/self_attention.h"
#include "encoder/workspace.h"

namespace posbench {
namespace {

template <class Real, class Stored>
class EngineOf : public Engine<Real> {
  using Stream = Rows<Real, Stored>;

 public:
  explicit EngineOf(const EngineModel<Real>& model) : w_(model, this->clock_) {}

  void forward(const Batch& batch, const Real* values, Real* logits,
               LayerStates<Real>* states) override {
    begin_pass(batch, values, nullptr, states);
    for (Block block{}; block.last_sequence < batch.sequences(); block = w_.block) {
      begin(batch, block);
      const Real* found = run_forward(batch);
      std::copy_n(found, w_.block.labels() * w_.classes,
                  logits + w_.block.first_label * w_.classes);
      w_.clock.lap(Part::head);
    }
  }

  double gradients(const Batch& batch, const Real* values, Real* gradients,
                   LayerStates<Real>* states) override {
    begin_pass(batch, values, gradients, states);
    zero_added_gradients();
    head_.begin(batch);
    kept_layers_.resize(w_.at.layers.size());
    for (Block block{}; block.last_sequence < batch.sequences(); block = w_.block) {
      begin(batch, block);
      const Real* logits = run_forward(batch);
      run_backward(batch, logits);
    }
    w_.model.encoding.end_pass(position_values_, position_gradients_);
    w_.clock.lap(Part::position);
    ++w_.step;
    return head_.mean_loss();
  }

  Bf16* stored() override {
    if constexpr (std::is_same_v<Real, Stored>) return nullptr;
    return w_.stored.data();
  }

  void values_changed() override { w_.matmul.weights_changed(); }

  void lay_out(std::size_t shift) override {
    w_.kept = Arena(shift);
    w_.scratch = Arena(shift);
  }

  std::size_t arena_bytes() const override { return w_.kept.bytes() + w_.scratch.bytes(); }

 private:
  struct KeptLayer {  // what a layer keeps for backward
    typename SelfAttention<Real, Stored>::Kept attention;
    KeptNorm<Real> norm1;
    typename FeedForward<Real, Stored>::Kept feed_forward;
    KeptNorm<Real> norm2;
  };

  static std::span<const std::int32_t> cached(const LayerStates<Real>* states) {
    return states == nullptr ? std::span<const std::int32_t>() : states->cached();
  }

  // Opens a pass, the encoding's too: what it makes for the scores serves all blocks.
  void begin_pass(const Batch& batch, const Real* values, Real* gradients,
                  LayerStates<Real>* states) {
    w_.values = values;
    w_.gradients = gradients;
    w_.states = states;
    w_.clock.start();
    const auto pointers = [this](auto* buffer, auto& to) {
      to.shared = buffer + w_.at.position;
      to.layers.clear();
      for (const LayerOffsets& layer : w_.at.layers) to.layers.push_back(buffer + layer.position);
    };
    pointers(values, position_values_);
    if (gradients != nullptr) pointers(gradients, position_gradients_);
    std::int32_t longest = 0;
    for (std::size_t s = 0; s < batch.sequences(); ++s) {
      const std::int32_t before = states == nullptr ? 0 : states->cached()[s];
      longest = std::max(longest, before + batch.rows_of(s));
    }
    w_.model.encoding.begin_pass(position_values_, as_size(longest), gradients != nullptr);
    w_.clock.lap(Part::position);
  }

  void begin(const Batch& batch, const Block& after) {
    w_.block = next_block(batch, after, cached(w_.states));
    w_.n = whole_steps(w_.block.rows());
    attention_.begin(batch);
    w_.kept.reset();
    w_.scratch.reset();
  }

  static constexpr std::size_t kPlaces = Workspace<Real, Stored>::kPlacesPerLayer;

  // y (n, d) from x (n, d), or x itself where norms stand first.
  KeptLayer layer_forward(const Batch& batch, std::size_t index, const Stream& x, const Stream& y) {
    const LayerOffsets& at = w_.at.layers[index];
    w_.scratch.reset();
    Real* product = w_.scratch.template take<Real>(w_.n * w_.d);
    KeptLayer k{};
    const Stream attended = residual_.open(x, at.norm1, k.norm1);
    k.attention = attention_.forward(batch, index, attended, product);
    const Stream middle = w_.norm_first() ? x : w_.take_rows(w_.arena());
    residual_.close(product, at.out.bias, x, at.norm1, kPlaces * index + 1, middle, k.norm1);

    const Stream fed = residual_.open(middle, at.norm2, k.norm2);
    k.feed_forward = feed_forward_.forward(at, fed.stored, product);
    residual_.close(product, at.ff2.bias, middle, at.norm2, kPlaces * index + 2, y, k.norm2);
    return k;
  }

  // Turns dx from the gradient of the layer's output into that of its input.
  void layer_backward(const Batch& batch, std::size_t index, const KeptLayer& k, Real* dx) {
    const LayerOffsets& at = w_.at.layers[index];
    const bool adds = residual_.f_adds();
    w_.scratch.reset();
    const Stored* dproduct =
        residual_.close_backward(dx, at.ff2.bias, at.norm2, kPlaces * index + 2, k.norm2);
    Real* inner = residual_.inner_gradient(dx);
    feed_forward_.backward(at, k.feed_forward, dproduct, inner, adds);
    residual_.open_backward(inner, dx, at.norm2, k.norm2);

    dproduct = residual_.close_backward(dx, at.out.bias, at.norm1, kPlaces * index + 1, k.norm1);
    inner = residual_.inner_gradient(dx);
    attention_.backward(batch, index, k.attention, dproduct, inner, adds);
    residual_.open_backward(inner, dx, at.norm1, k.norm1);
  }

  // logits of the block's labelled rows (padded to whole steps, classes), in the kept arena.
  const Real* run_forward(const Batch& batch) {
    const std::size_t layers = w_.at.layers.size();
    Stream x = w_.take_stream(w_.kept);
    input_.forward(batch, x);
    Stream y = w_.norm_first() ? x : w_.take_rows(w_.kept);
    for (std::size_t i = 0; i < layers; ++i) {
      const KeptLayer kept = layer_forward(batch, i, x, y);
      if (w_.trains()) kept_layers_[i] = kept;
      if (this->watched_ != nullptr) {
        std::copy_n(y.value, w_.block.rows() * w_.d,
                    (*this->watched_)[i].data() + w_.block.first_row * w_.d);
      }
      if (w_.norm_first()) continue;
      // Training keeps every layer's input; inference needs two buffers in all.
      const Stream spare = w_.trains() && i + 1 < layers ? w_.take_rows(w_.kept) : x;
      x = y;
      y = spare;
    }
    if (w_.states != nullptr) {
      for (std::size_t s = w_.block.first_sequence; s < w_.block.last_sequence; ++s) {
        w_.states->advance(s, as_size(batch.length_of(s)));
      }
    }
    return head_.forward(batch, x);
  }

  void run_backward(const Batch& batch, const Real* logits) {
    Real* dx = w_.kept.template take<Real>(w_.n * w_.d);
    head_.backward(batch, logits, dx);
    for (std::size_t i = w_.at.layers.size(); i-- > 0;) {
      layer_backward(batch, i, kept_layers_[i], dx);
    }
    input_.backward(batch, dx);
  }

  // The gradients of products are overwritten by a step's first block; all others are sums.
  void zero_added_gradients() {
    for (const Parameter& part : w_.at.parameters.parts()) {
      if (part.rows == 1 || w_.at.is_table(part)) {
        std::fill_n(w_.gradients + part.offset, part.size(), Real{0});
      }
    }
    w_.clock.lap(Part::embedding);
  }

  Workspace<Real, Stored> w_;
  InputSum<Real, Stored> input_{w_};
  Residual<Real, Stored> residual_{w_};
  SelfAttention<Real, Stored> attention_{w_};
  FeedForward<Real, Stored> feed_forward_{w_};
  OutputHead<Real, Stored> head_{w_};
  PositionValues<const Real> position_values_{};
  PositionValues<Real> position_gradients_{};
  std::vector<KeptLayer> kept_layers_;
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
