#include "exact_sinusoid.h"

#include <algorithm>
#include <boost/multiprecision/mpfr.hpp>

#include "kernel/sinusoid_producers.h"

namespace posbench {
namespace {

namespace mp = boost::multiprecision;
// Digits on the stack: a turn would otherwise spend most of its time in malloc. Without expression
// templates, which save copies that cost nothing here.
using Real = mp::number<mp::mpfr_float_backend<50, mp::allocate_stack>, mp::et_off>;

}  // namespace

struct ExactSinusoid::Turn {
  Real omega, cosine, sine;
};

ExactSinusoid::ExactSinusoid(Sinusoid sinusoid) : sinusoid_(sinusoid) {
  // tensor2tensor divides by max(d/2 − 1, 1), so that d = 2 has the one frequency 1.
  const std::size_t pairs = sinusoid.pairs();
  const std::size_t steps =
      sinusoid.convention == Convention::kInterleaved ? pairs : std::max<std::size_t>(pairs - 1, 1);
  turns_.reserve(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    const Real omega = pow(Real(10000), -Real(i) / Real(steps));
    turns_.push_back({omega, cos(omega), sin(omega)});
  }
}

ExactSinusoid::~ExactSinusoid() = default;

std::vector<double> ExactSinusoid::rows(std::int64_t first, std::size_t rows) const {
  std::vector<double> values(rows * sinusoid_.hidden);
  for (std::size_t i = 0; i < turns_.size(); ++i) {
    const Turn& turn = turns_[i];
    const Real angle = Real(first) * turn.omega;
    Real sine = sin(angle), cosine = cos(angle);
    for (std::size_t row = 0; row < rows; ++row) {
      double* to = values.data() + row * sinusoid_.hidden;
      to[sine_column(sinusoid_, i)] = static_cast<double>(sine);
      to[cosine_column(sinusoid_, i)] = static_cast<double>(cosine);
      const Real next = sine * turn.cosine + cosine * turn.sine;
      cosine = cosine * turn.cosine - sine * turn.sine;
      sine = next;
    }
  }
  return values;
}

}  // namespace posbench
