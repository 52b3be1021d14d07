#include "encoder/matmul.h"

#include <fmt/format.h>
#include <omp.h>

#include <dnnl.hpp>
#include <unordered_map>
#include <utility>

#include "base/error.h"

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

// A product of one shape, ready to run: its primitive and where its operands stand.
class Product {
 public:
  Product(const dnnl::engine& engine, const MatmulShape& s, Type operand, Type result)
      : a_(matrix(operand, s.m, s.k, s.transpose_a), engine, nullptr),
        b_(matrix(operand, s.k, s.n, s.transpose_b), engine, nullptr),
        c_(matrix(result, s.m, s.n, false), engine, nullptr),
        primitive_(make(engine, s)),
        arguments_{{DNNL_ARG_SRC, a_}, {DNNL_ARG_WEIGHTS, b_}, {DNNL_ARG_DST, c_}} {}

  void run(dnnl::stream& stream, const void* a, const void* b, void* c) {
    // oneDNN's interface takes operands that it only reads as mutable pointers.
    a_.set_data_handle(const_cast<void*>(a));
    b_.set_data_handle(const_cast<void*>(b));
    c_.set_data_handle(c);
    primitive_.execute(stream, arguments_);
  }

 private:
  dnnl::matmul make(const dnnl::engine& engine, const MatmulShape& s) const {
    dnnl::primitive_attr attributes;
    if (s.adds) {
      dnnl::post_ops sum;
      sum.append_sum();
      attributes.set_post_ops(sum);
    }
    return dnnl::matmul({{a_.get_desc(), b_.get_desc(), c_.get_desc()}, attributes, engine});
  }

  dnnl::memory a_, b_, c_;
  dnnl::matmul primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace

struct Matmul::OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<std::pair<MatmulShape, std::pair<Type, Type>>, Product> products;

  template <class Operand, class Result>
  void run(const MatmulShape& shape, const Operand* a, const Operand* b, Result* c) {
    const std::pair types{type_of<Operand>(), type_of<Result>()};
    auto found = products.find({shape, types});
    if (found == products.end()) {
      found = products.try_emplace({shape, types}, engine, shape, types.first, types.second).first;
    }
    found->second.run(stream, a, b, c);
  }
};

Matmul::Matmul() : one_dnn_(std::make_unique<OneDnn>()) {}
Matmul::~Matmul() = default;

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

}  // namespace posbench
