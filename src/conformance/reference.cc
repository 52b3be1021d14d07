#include "conformance/reference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace posbench::reference {
namespace {

// base 10000, exponent −numerator/denominator
long double turning(std::size_t numerator, std::size_t denominator) {
  return std::pow(10000.0L,
                  -static_cast<long double>(numerator) / static_cast<long double>(denominator));
}

std::vector<long double> frequencies(std::size_t pairs, bool tensor2tensor) {
  std::vector<long double> found;
  for (std::size_t i = 0; i < pairs; ++i) {
    // A single pair has ω = 1 in tensor2tensor as well: it divides by max(d/2 − 1, 1).
    found.push_back(tensor2tensor ? turning(i, std::max<std::size_t>(pairs - 1, 1))
                                  : turning(i, pairs));
  }
  return found;
}

// The columns of plane i of `pairs` planes.
struct Plane {
  std::size_t first, second;
};

Plane plane(std::size_t i, std::size_t pairs, bool halves) {
  return halves ? Plane{i, pairs + i} : Plane{2 * i, 2 * i + 1};
}

}  // namespace

Row sinusoid(SinusoidForm form, std::size_t hidden) {
  return [form, omega = frequencies(hidden / 2, form.tensor2tensor)](long t,
                                                                     std::span<long double> row) {
    for (std::size_t i = 0; i < omega.size(); ++i) {
      auto [sine, cosine] = plane(i, omega.size(), form.halves);
      if (form.cosine_first) std::swap(sine, cosine);
      const long double angle = static_cast<long double>(t) * omega[i];
      row[sine] = std::sin(angle);
      row[cosine] = std::cos(angle);
    }
  };
}

std::vector<std::size_t> turns_of_halves(std::size_t hidden) {
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < hidden / 2; ++i) {
    columns.push_back(i);
    columns.push_back(hidden / 2 + i);
  }
  return columns;
}

Row rope(RopeForm form, std::size_t size) {
  return [form, size, omega = frequencies(form.rotated / 2, false)](long t,
                                                                    std::span<long double> row) {
    std::ranges::fill(row, 0.0L);
    for (std::size_t j = form.rotated; j < size; ++j) row[j * size + j] = 1;
    for (std::size_t i = 0; i < omega.size(); ++i) {
      const auto [first, second] = plane(i, omega.size(), !form.pairs);
      const long double angle = static_cast<long double>(t) * omega[i];
      row[first * size + first] = row[second * size + second] = std::cos(angle);
      row[first * size + second] = std::sin(angle);
      row[second * size + first] = -std::sin(angle);
    }
  };
}

Row rope_tables(RopeForm form) {
  return [form, omega = frequencies(form.rotated / 2, false)](long t, std::span<long double> row) {
    for (std::size_t i = 0; i < omega.size(); ++i) {
      const auto [first, second] = plane(i, omega.size(), !form.pairs);
      const long double angle = static_cast<long double>(t) * omega[i];
      row[first] = row[second] = std::cos(angle);
      row[form.rotated + first] = row[form.rotated + second] = std::sin(angle);
    }
  };
}

std::vector<long double> alibi_geometric_slopes(std::size_t heads) {
  std::vector<long double> slopes;
  for (std::size_t h = 1; h <= heads; ++h) {
    slopes.push_back(std::exp2(-8 * static_cast<long double>(h) / static_cast<long double>(heads)));
  }
  return slopes;
}

std::vector<long double> alibi_slopes(std::size_t heads) {
  const std::size_t below = std::bit_floor(heads);
  std::vector<long double> slopes = alibi_geometric_slopes(below);
  const std::vector<long double> above = alibi_geometric_slopes(2 * below);
  for (std::size_t i = 0; slopes.size() < heads; ++i) slopes.push_back(above[2 * i]);
  return slopes;
}

// The paper's ⌊ln(n/e) / ln(128/e) · e⌋, e exact buckets, is at least k where (n/e)^e reaches
// (128/e)^k: compared as powers, no logarithm is rounded at the edge of a bucket.
int t5_bucket(long distance, bool causal) {
  const int side = causal ? 32 : 16, exact = side / 2;
  const int first = !causal && distance > 0 ? side : 0;
  const long steps = causal ? std::max(-distance, 0L) : std::abs(distance);
  if (steps < exact) return first + static_cast<int>(steps);
  const long double share = static_cast<long double>(std::min(steps, 128L)) / exact;
  const long double step = 128.0L / exact;
  long double reached = 1, edge = step;
  for (int i = 0; i < exact; ++i) reached *= share;
  int bucket = exact;
  for (; bucket < side - 1 && reached >= edge; edge *= step) ++bucket;
  return first + bucket;
}

Row tupe(TupeForm form, std::vector<long double> values, bool unties_first) {
  const std::size_t n = form.length, d = form.hidden, size = d / form.heads;
  // Layer norm of the rows, in place.
  const long double *gamma = values.data() + n * d, *beta = gamma + d;
  std::vector<long double> normed(values.begin(), values.begin() + static_cast<long>(n * d));
  for (std::size_t t = 0; t < n; ++t) {
    const std::span row = std::span(normed).subspan(t * d, d);
    const long double mean =
        std::accumulate(row.begin(), row.end(), 0.0L) / static_cast<long double>(d);
    long double variance = 0;
    for (const long double x : row)
      variance += (x - mean) * (x - mean) / static_cast<long double>(d);
    for (std::size_t i = 0; i < d; ++i) {
      row[i] = (row[i] - mean) / std::sqrt(variance + 1e-12L) * gamma[i] + beta[i];
    }
  }
  return [=, values = std::move(values)](long head, std::span<long double> scores) {
    const auto h = static_cast<std::size_t>(head);
    const std::size_t matrices = (n + 2) * d, thetas = matrices + 2 * d * d;
    const auto projected = [&](std::size_t matrix, std::size_t t, std::size_t c) {
      long double sum = 0;
      for (std::size_t i = 0; i < d; ++i) {
        sum += normed[t * d + i] * values[matrices + matrix * d * d + (h * d + i) * size + c];
      }
      return sum;
    };
    std::vector<long double> q, k;
    for (std::size_t t = 0; t < n; ++t) {
      for (std::size_t c = 0; c < size; ++c) {
        q.push_back(projected(0, t, c));
        k.push_back(projected(1, t, c));
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        long double& score = scores[i * n + j] = 0;
        for (std::size_t c = 0; c < size; ++c) score += q[i * size + c] * k[j * size + c];
        score /= std::sqrt(2 * static_cast<long double>(size));
        if (unties_first && i == 0) {
          score = values[thetas + h];
        } else if (unties_first && j == 0) {
          score = values[thetas + form.heads + h];
        }
      }
    }
  };
}

}  // namespace posbench::reference
