// The arms of encoding_cost: what each one calls, on what memory, and what it is allowed to get
// wrong.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "encoding_cost/buffers.h"
#include "encoding_cost/cell.h"
#include "kernel/sinusoid.h"

namespace posbench {

struct Arm {
  std::string name;
  /// One call: y (B, L, d) = x + rows 0 … L − 1, with the next copy of what it reads.
  std::function<void()> call;
  /// The same rows first … first + n − 1 (n, d) by themselves, for the check; empty where nothing
  /// is added.
  std::function<void(std::int64_t first, std::size_t n, float* out)> rows;
  /// For sinusoids: of which convention, and the error that the arm allows itself at position t.
  std::function<std::vector<double>(std::int64_t t)> reference;
  std::function<double(std::int64_t t)> tolerance;
};

/// The memory of one process and the arms that work on it. All arms share x and y.
class Arms {
 public:
  explicit Arms(const Cell& cell);

  std::vector<Arm>& arms() { return arms_; }
  const Buffer& x() const { return x_; }
  const Buffer& y() const { return y_; }
  /// Arms that this shape cannot have, with the reason.
  const std::map<std::string, std::string>& skipped() const { return skipped_; }

  /// Every name that a spec may use.
  static const std::vector<std::string>& names();

 private:
  Arm make(const std::string& name);
  Arm make_learned(const std::string& name);
  Arm make_sinusoid_table(const std::string& name, Convention convention);
  Arm make_computed(const std::string& name, const SinusoidProducer& producer,
                    Convention convention);
  /// The copies of that name, made of `values()` where they are not there yet.
  Copies& copies_of(const std::string& name, const std::function<std::vector<float>()>& values);

  BatchShape shape_;
  std::size_t cold_bytes_;  // how much memory the copies of one thing fill; 0: one copy
  Random random_;
  Buffer x_;
  Buffer y_;
  Buffer scratch_;  // one block of computed rows
  std::vector<std::int32_t> ids_;
  std::map<std::string, Copies> copies_;
  std::vector<Arm> arms_;
  std::map<std::string, std::string> skipped_;
};

}  // namespace posbench
