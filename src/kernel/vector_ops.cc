#include "kernel/vector_ops.h"

#include "kernel/vector_ops_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernel/vector_ops.cc"
#include <hwy/foreach_target.h>
// Must come after foreach_target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernel/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace posbench::HWY_NAMESPACE {

void AddTo(float* HWY_RESTRICT y, const float* HWY_RESTRICT x, std::size_t n) {
  for_each_vector(
      n, [&](std::size_t, auto load, auto store) HWY_ATTR { store(hn::Add(load(y), load(x)), y); });
}

void AddBias(float* HWY_RESTRICT x, const float* HWY_RESTRICT bias, std::size_t rows,
             std::size_t width) {
  for (std::size_t r = 0; r < rows; ++r) AddTo(x + r * width, bias, width);
}

void AddColumnSums(float* HWY_RESTRICT sums, const float* HWY_RESTRICT x, std::size_t rows,
                   std::size_t width) {
  for (std::size_t r = 0; r < rows; ++r) AddTo(sums, x + r * width, width);
}

void LayerNorm(const float* x, const float* HWY_RESTRICT gamma, const float* HWY_RESTRICT beta,
               std::size_t rows, std::size_t width, float* y, float* HWY_RESTRICT normalised,
               float* HWY_RESTRICT inverse_deviation) {
  const D d;
  const float count = static_cast<float>(width);
  for (std::size_t r = 0; r < rows; ++r) {
    const float* row = x + r * width;
    V sum = hn::Zero(d);
    for_each_vector(width,
                    [&](std::size_t, auto load, auto) HWY_ATTR { sum = hn::Add(sum, load(row)); });
    const float mean = hn::GetLane(hn::SumOfLanes(d, sum)) / count;
    const V means = hn::Set(d, mean);
    V square = hn::Zero(d);
    for_each_vector(width, [&](std::size_t i, auto load, auto) HWY_ATTR {
      // Lanes beyond the end hold zeros, not the mean: they must not count.
      const V centred = hn::Sub(load(row), means);
      square = hn::MulAdd(centred, hn::IfThenElseZero(hn::FirstN(d, width - i), centred), square);
    });
    const float variance = hn::GetLane(hn::SumOfLanes(d, square)) / count;
    inverse_deviation[r] = 1.0f / std::sqrt(variance + 1e-12f);
    const V scale = hn::Set(d, inverse_deviation[r]);
    float* z = normalised + r * width;
    float* out = y + r * width;
    for_each_vector(width, [&](std::size_t, auto load, auto store) HWY_ATTR {
      const V unit = hn::Mul(hn::Sub(load(row), means), scale);
      store(unit, z);
      store(hn::MulAdd(unit, load(gamma), load(beta)), out);
    });
  }
}

void LayerNormBackward(const float* dy, const float* HWY_RESTRICT gamma,
                       const float* HWY_RESTRICT normalised,
                       const float* HWY_RESTRICT inverse_deviation, std::size_t rows,
                       std::size_t width, float* dx, float* HWY_RESTRICT dgamma,
                       float* HWY_RESTRICT dbeta) {
  const D d;
  const float count = static_cast<float>(width);
  for (std::size_t r = 0; r < rows; ++r) {
    const float* g = dy + r * width;
    const float* z = normalised + r * width;
    V sum = hn::Zero(d), sum_z = hn::Zero(d);
    for_each_vector(width, [&](std::size_t, auto load, auto store) HWY_ATTR {
      const V slope = load(g), unit = load(z);
      const V inner = hn::Mul(slope, load(gamma));
      sum = hn::Add(sum, inner);
      sum_z = hn::MulAdd(inner, unit, sum_z);
      store(hn::MulAdd(slope, unit, load(dgamma)), dgamma);
      store(hn::Add(slope, load(dbeta)), dbeta);
    });
    const V mean = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum)) / count);
    const V mean_z = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, sum_z)) / count);
    const V scale = hn::Set(d, inverse_deviation[r]);
    float* out = dx + r * width;
    for_each_vector(width, [&](std::size_t, auto load, auto store) HWY_ATTR {
      const V inner = hn::Sub(hn::Mul(load(g), load(gamma)), mean);
      store(hn::Mul(hn::NegMulAdd(load(z), mean_z, inner), scale), out);
    });
  }
}

struct Normal {
  V cdf;      // Φ(x)
  V density;  // exp(−x²/2), without the factor 1/√(2π)
};

// Abramowitz and Stegun 7.1.26: 1 − erf(z) = t(a1 + t(a2 + …)) exp(−z²), t = 1/(1 + p z), z =
// |x|/√2.
HWY_INLINE Normal normal_distribution(V x) {
  const D d;
  const auto set = [&](float value) HWY_ATTR { return hn::Set(d, value); };
  const V z = hn::Mul(hn::Abs(x), set(0.70710678f));
  const V t = hn::Div(set(1.0f), hn::MulAdd(set(0.3275911f), z, set(1.0f)));
  V poly = hn::MulAdd(t, set(1.061405429f), set(-1.453152027f));
  poly = hn::MulAdd(poly, t, set(1.421413741f));
  poly = hn::MulAdd(poly, t, set(-0.284496736f));
  poly = hn::MulAdd(poly, t, set(0.254829592f));
  const V density = hn::Exp(d, hn::Mul(hn::Mul(x, x), set(-0.5f)));
  const V upper_tail = hn::Mul(hn::Mul(hn::Mul(poly, t), density), set(0.5f));
  const V cdf = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), upper_tail, hn::Sub(set(1.0f), upper_tail));
  return {cdf, density};
}

void Gelu(const float* HWY_RESTRICT x, std::size_t n, float* HWY_RESTRICT y) {
  for_each_vector(n, [&](std::size_t, auto load, auto store) HWY_ATTR {
    const V value = load(x);
    store(hn::Mul(value, normal_distribution(value).cdf), y);
  });
}

void GeluBackward(const float* HWY_RESTRICT x, std::size_t n, float* HWY_RESTRICT dy) {
  const D d;
  const V density_at_0 = hn::Set(d, 0.39894228f);
  for_each_vector(n, [&](std::size_t, auto load, auto store) HWY_ATTR {
    const V value = load(x);
    const Normal normal = normal_distribution(value);
    const V slope = hn::MulAdd(hn::Mul(value, density_at_0), normal.density, normal.cdf);
    store(hn::Mul(load(dy), slope), dy);
  });
}

void Softmax(float* x, std::size_t rows, std::size_t n, float scale) {
  const D d;
  const V lowest = hn::Set(d, -3.4e38f);
  for (std::size_t r = 0; r < rows; ++r) {
    float* row = x + r * n;
    V tops = lowest;
    for_each_vector(n, [&](std::size_t i, auto load, auto) HWY_ATTR {
      tops = hn::Max(tops, hn::IfThenElse(hn::FirstN(d, n - i), load(row), lowest));
    });
    const V top = hn::MaxOfLanes(d, tops);
    const V factor = hn::Set(d, scale);
    V sums = hn::Zero(d);
    for_each_vector(n, [&](std::size_t i, auto load, auto store) HWY_ATTR {
      const V exponent = hn::Mul(hn::Sub(load(row), top), factor);
      // Highway's Exp makes NaN 0, and a broken training would look sound.
      const V power = hn::IfThenElse(hn::IsNaN(exponent), exponent, hn::Exp(d, exponent));
      sums = hn::Add(sums, hn::IfThenElseZero(hn::FirstN(d, n - i), power));
      store(power, row);
    });
    const V inverse = hn::Set(d, 1.0f / hn::GetLane(hn::SumOfLanes(d, sums)));
    for_each_vector(n, [&](std::size_t, auto load, auto store)
                           HWY_ATTR { store(hn::Mul(load(row), inverse), row); });
  }
}

void SoftmaxBackward(const float* HWY_RESTRICT p, float* HWY_RESTRICT dp, std::size_t rows,
                     std::size_t n, float scale) {
  const D d;
  for (std::size_t r = 0; r < rows; ++r) {
    const float* weight = p + r * n;
    float* slope = dp + r * n;
    V sum = hn::Zero(d);
    for_each_vector(n, [&](std::size_t, auto load, auto)
                           HWY_ATTR { sum = hn::MulAdd(load(weight), load(slope), sum); });
    const V dot = hn::SumOfLanes(d, sum);
    const V factor = hn::Set(d, scale);
    for_each_vector(n, [&](std::size_t, auto load, auto store) HWY_ATTR {
      store(hn::Mul(hn::Mul(factor, load(weight)), hn::Sub(load(slope), dot)), slope);
    });
  }
}

void RoundToBf16(const float* HWY_RESTRICT x, std::size_t n, Bf16* HWY_RESTRICT y) {
  for_each_vector(n, [&](std::size_t, auto load, auto store) HWY_ATTR { store(load(x), y); });
}

}  // namespace posbench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace posbench {

// f32 goes to the best target of this CPU, f64 to the reference.
#define POSBENCH_ROW_OPERATION(name, Name, float_signature, double_signature, ...) \
  HWY_EXPORT(Name);                                                                \
  void name float_signature { HWY_DYNAMIC_DISPATCH(Name)(__VA_ARGS__); }           \
  void name double_signature { scalar::name(__VA_ARGS__); }

POSBENCH_ROW_OPERATION(add_to, AddTo, (float* y, const float* x, std::size_t n),
                       (double* y, const double* x, std::size_t n), y, x, n)
POSBENCH_ROW_OPERATION(add_bias, AddBias,
                       (float* x, const float* bias, std::size_t rows, std::size_t d),
                       (double* x, const double* bias, std::size_t rows, std::size_t d), x, bias,
                       rows, d)
POSBENCH_ROW_OPERATION(add_column_sums, AddColumnSums,
                       (float* sums, const float* x, std::size_t rows, std::size_t d),
                       (double* sums, const double* x, std::size_t rows, std::size_t d), sums, x,
                       rows, d)
POSBENCH_ROW_OPERATION(layer_norm, LayerNorm,
                       (const float* x, const float* gamma, const float* beta, std::size_t rows,
                        std::size_t d, float* y, float* normalised, float* inverse_deviation),
                       (const double* x, const double* gamma, const double* beta, std::size_t rows,
                        std::size_t d, double* y, double* normalised, double* inverse_deviation),
                       x, gamma, beta, rows, d, y, normalised, inverse_deviation)
POSBENCH_ROW_OPERATION(layer_norm_backward, LayerNormBackward,
                       (const float* dy, const float* gamma, const float* normalised,
                        const float* inverse_deviation, std::size_t rows, std::size_t d, float* dx,
                        float* dgamma, float* dbeta),
                       (const double* dy, const double* gamma, const double* normalised,
                        const double* inverse_deviation, std::size_t rows, std::size_t d,
                        double* dx, double* dgamma, double* dbeta),
                       dy, gamma, normalised, inverse_deviation, rows, d, dx, dgamma, dbeta)
POSBENCH_ROW_OPERATION(gelu, Gelu, (const float* x, std::size_t n, float* y),
                       (const double* x, std::size_t n, double* y), x, n, y)
POSBENCH_ROW_OPERATION(gelu_backward, GeluBackward, (const float* x, std::size_t n, float* dy),
                       (const double* x, std::size_t n, double* dy), x, n, dy)
POSBENCH_ROW_OPERATION(softmax, Softmax, (float* x, std::size_t rows, std::size_t n, float scale),
                       (double* x, std::size_t rows, std::size_t n, double scale), x, rows, n,
                       scale)
POSBENCH_ROW_OPERATION(softmax_backward, SoftmaxBackward,
                       (const float* p, float* dp, std::size_t rows, std::size_t n, float scale),
                       (const double* p, double* dp, std::size_t rows, std::size_t n, double scale),
                       p, dp, rows, n, scale)
#undef POSBENCH_ROW_OPERATION

HWY_EXPORT(RoundToBf16);
void round_to_bf16(const float* x, std::size_t n, Bf16* y) {
  HWY_DYNAMIC_DISPATCH(RoundToBf16)(x, n, y);
}

}  // namespace posbench
#endif  // HWY_ONCE
