#include "kernel/matmul.h"

#include <omp.h>

#include <array>
#include <dnnl.hpp>
#include <list>
#include <utility>

#include "base/buffer.h"

namespace posbench {
namespace {

using Type = dnnl::memory::data_type;

// A trial is one thread (trials run side by side instead), and oneDNN takes its threads from
// OpenMP.
const bool kOneThread = [] {
  omp_set_num_threads(1);
  return true;
}();

template <class T>
constexpr Type type_of() {
  return std::is_same_v<T, Bf16> ? Type::bf16 : Type::f32;
}

dnnl::memory::desc matrix(Type type, std::size_t rows, std::size_t columns, bool transposed) {
  const auto r = static_cast<dnnl_dim_t>(rows), c = static_cast<dnnl_dim_t>(columns);
  return {{r, c}, type, transposed ? dnnl::memory::dims{1, r} : dnnl::memory::dims{c, 1}};
}

// The arguments stand ready: the C++ interface would make them anew from a map in every call.
template <std::size_t kCount>
void execute(const dnnl::primitive& primitive, const dnnl::stream& stream,
             const std::array<dnnl_exec_arg_t, kCount>& arguments) {
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive.get(), stream.get(), kCount, arguments.data()),
      "a matrix product failed in oneDNN");
}

// A product of one shape, ready to run: its primitive and where its operands stand.
class Product {
 public:
  Product(const dnnl::engine& engine, const MatmulShape& s, Type operand, Type result, bool packs)
      : Product(engine, matrix(operand, s.m, s.k, s.transpose_a),
                packs ? any(operand, s.k, s.n) : matrix(operand, s.k, s.n, s.transpose_b),
                matrix(result, s.m, s.n, false), s.adds) {
    plain_layout_of_b_ = matrix(operand, s.k, s.n, s.transpose_b);
    b_is_plain_ = layout_of_b_ == plain_layout_of_b_;
  }

  /// How B must stand, and how it stands unpacked.
  const dnnl::memory::desc& layout_of_b() const { return layout_of_b_; }
  const dnnl::memory::desc& plain_layout_of_b() const { return plain_layout_of_b_; }
  bool b_is_plain() const { return b_is_plain_; }

  void run(dnnl::stream& stream, Buffer<std::byte>& scratch, const void* a, const void* b,
           void* c) {
    // oneDNN's interface takes operands that it only reads as mutable pointers.
    a_.set_data_handle(const_cast<void*>(a));
    b_.set_data_handle(const_cast<void*>(b));
    c_.set_data_handle(c);
    // Left to itself, oneDNN takes its working memory from malloc in every call, and large pieces
    // come back from the kernel with all their pages to clear. resize() could take twice as much.
    if (scratch.size() < scratch_bytes_) scratch = Buffer<std::byte>(scratch_bytes_);
    scratch_.set_data_handle(scratch.data());
    execute(primitive_, stream, arguments_);
  }

 private:
  Product(const dnnl::engine& engine, const dnnl::memory::desc& a, const dnnl::memory::desc& b,
          const dnnl::memory::desc& c, bool adds)
      : Product(engine, a, c, dnnl::matmul::primitive_desc({a, b, c}, attributes(adds), engine)) {}

  Product(const dnnl::engine& engine, const dnnl::memory::desc& a, const dnnl::memory::desc& c,
          const dnnl::matmul::primitive_desc& made)
      : layout_of_b_(made.weights_desc()),
        scratch_bytes_(made.scratchpad_desc().get_size()),
        a_(a, engine, nullptr),
        b_(layout_of_b_, engine, nullptr),
        c_(c, engine, nullptr),
        scratch_(made.scratchpad_desc(), engine, nullptr),
        primitive_(made),
        arguments_{{{DNNL_ARG_SRC, a_.get()},
                    {DNNL_ARG_WEIGHTS, b_.get()},
                    {DNNL_ARG_DST, c_.get()},
                    {DNNL_ARG_SCRATCHPAD, scratch_.get()}}} {}

  static dnnl::memory::desc any(Type type, std::size_t rows, std::size_t columns) {
    return {{static_cast<dnnl_dim_t>(rows), static_cast<dnnl_dim_t>(columns)},
            type,
            dnnl::memory::format_tag::any};
  }

  static dnnl::primitive_attr attributes(bool adds) {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (adds) {
      dnnl::post_ops sum;
      sum.append_sum();
      attributes.set_post_ops(sum);
    }
    return attributes;
  }

  dnnl::memory::desc layout_of_b_, plain_layout_of_b_;
  bool b_is_plain_ = true;
  std::size_t scratch_bytes_;
  dnnl::memory a_, b_, c_, scratch_;
  dnnl::matmul primitive_;
  std::array<dnnl_exec_arg_t, 4> arguments_;
};

// Weights in a layout of oneDNN's choice.
class Packed {
 public:
  Packed(const dnnl::engine& engine, const dnnl::memory::desc& plain,
         const dnnl::memory::desc& packed)
      : layout_(packed),
        plain_(plain, engine, nullptr),
        data_(packed.get_size() / sizeof(float) + 1),
        packed_(packed, engine, data_.data()),
        reorder_(plain_, packed_),
        arguments_{{{DNNL_ARG_FROM, plain_.get()}, {DNNL_ARG_TO, packed_.get()}}} {}

  const void* read(dnnl::stream& stream, const void* plain, std::uint64_t generation) {
    if (generation_ != generation) {
      plain_.set_data_handle(const_cast<void*>(plain));
      execute(reorder_, stream, arguments_);
      generation_ = generation;
    }
    return data_.data();
  }

  bool has(const dnnl::memory::desc& layout) const { return layout_ == layout; }

 private:
  dnnl::memory::desc layout_;
  dnnl::memory plain_;
  Buffer<float> data_;
  dnnl::memory packed_;
  dnnl::reorder reorder_;
  std::array<dnnl_exec_arg_t, 2> arguments_;
  std::uint64_t generation_ = ~std::uint64_t{0};
};

}  // namespace

struct Matmul::OneDnn {
  // Everything that a primitive is made for.
  struct Key {
    MatmulShape shape;
    Type operand, result;
    bool packs;

    auto operator<=>(const Key&) const = default;
  };
  struct WeightsKey {
    const void* plain;
    bool transposed;

    auto operator<=>(const WeightsKey&) const = default;
  };

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  Buffer<std::byte> scratch;  // of one call, as large as the largest product needs
  std::map<Key, Product> products;
  std::map<WeightsKey, std::list<Packed>> weights;  // of one matrix: one for each layout asked for

  template <class Operand, class Result>
  Product& product(const MatmulShape& shape, bool packs) {
    const Key key{shape, type_of<Operand>(), type_of<Result>(), packs};
    auto found = products.find(key);
    if (found == products.end()) {
      found = products.try_emplace(key, engine, shape, key.operand, key.result, packs).first;
    }
    return found->second;
  }

  Packed& packed(const void* plain, const dnnl::memory::desc& plain_layout, bool transposed,
                 const dnnl::memory::desc& layout) {
    std::list<Packed>& known = weights[{plain, transposed}];
    for (Packed& each : known) {
      if (each.has(layout)) return each;
    }
    return known.emplace_back(engine, plain_layout, layout);
  }

  template <class Operand, class Result>
  void run(const MatmulShape& shape, const Operand* a, const Operand* b, Result* c) {
    product<Operand, Result>(shape, false).run(stream, scratch, a, b, c);
  }
};

Matmul::Matmul() : one_dnn_(std::make_unique<OneDnn>()) {}
Matmul::~Matmul() = default;

std::size_t Matmul::scratch_bytes() const { return one_dnn_->scratch.size(); }

void Matmul::operator()(const MatmulShape& shape, const float* a, const float* b, float* c) {
  one_dnn_->run(shape, a, b, c);
}

void Matmul::operator()(const MatmulShape& shape, const Bf16* a, const Bf16* b, float* c) {
  one_dnn_->run(shape, a, b, c);
}

void Matmul::operator()(const MatmulShape& shape, const Bf16* a, const Bf16* b, Bf16* c) {
  one_dnn_->run(shape, a, b, c);
}

void Matmul::operator()(const MatmulShape& shape, const double* a, const double* b, double* c) {
  const std::size_t m = shape.m, n = shape.n, k = shape.k;
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t p = 0; p < k; ++p) {
        sum += (shape.transpose_a ? a[p * m + i] : a[i * k + p]) *
               (shape.transpose_b ? b[j * k + p] : b[p * n + j]);
      }
      c[i * n + j] = sum + (shape.adds ? c[i * n + j] : 0);
    }
  }
}

template <class Operand, class Result>
void Matmul::by_weights(const MatmulShape& s, const Operand* a, const Operand* weights, Result* c) {
  if constexpr (std::is_same_v<Operand, double>) {
    (*this)(s, a, weights, c);
  } else {
    Product& product = one_dnn_->product<Operand, Result>(s, true);
    const void* b = weights;
    if (!product.b_is_plain()) {
      b = one_dnn_
              ->packed(weights, product.plain_layout_of_b(), s.transpose_b, product.layout_of_b())
              .read(one_dnn_->stream, weights, generation_);
    }
    product.run(one_dnn_->stream, one_dnn_->scratch, a, b, c);
  }
}

template void Matmul::by_weights(const MatmulShape&, const float*, const float*, float*);
template void Matmul::by_weights(const MatmulShape&, const Bf16*, const Bf16*, float*);
template void Matmul::by_weights(const MatmulShape&, const Bf16*, const Bf16*, Bf16*);
template void Matmul::by_weights(const MatmulShape&, const double*, const double*, double*);

}  // namespace posbench
