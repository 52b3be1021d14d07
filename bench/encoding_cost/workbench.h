// The memory of one process of encoding_cost, which all its arms share.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "encoding_cost/buffers.h"
#include "encoding_cost/cell.h"
#include "kernel/sum.h"
#include "team.h"

namespace posbench {

/// Buffers appear when somebody asks for them, filled with values in −1 … 1. Each page of a tokens'
/// buffer is first written by the thread of the team that works on it, so that it lies in that
/// thread's NUMA node.
class Workbench {
 public:
  Workbench(const Cell& cell, Team& team);

  const Cell& cell() const { return cell_; }
  BatchShape shape() const { return cell_.shape; }
  Random& random() { return random_; }

  /// (B, L, d) each: what is read, what is written, what changes in place, and for streams a second
  /// thing to read. Arms share them.
  const float* x() { return tokens("x"); }
  float* y() { return tokens("y"); }
  float* in_place() { return tokens("in_place"); }
  const float* z() { return tokens("z"); }
  const Bf16* x_bf16() { return tokens_bf16("x_bf16"); }
  Bf16* y_bf16() { return tokens_bf16("y_bf16"); }
  Bf16* in_place_bf16() { return tokens_bf16("in_place_bf16"); }

  /// Position ids (B · L): 0 … L − 1 for each batch element.
  const std::vector<std::int32_t>& ids() const { return ids_; }

  /// The copies of that name, made of `values()` where they are not there yet: one, or in dram_cold
  /// as many as caches cannot hold.
  Copies& copies(const std::string& name, const std::function<std::vector<float>()>& values);

  /// n values in −1 … 1 of that name, which no call changes; arms share them.
  const float* noise(const std::string& name, std::size_t n);

  /// Values in −1 … 1.
  void fill_with_noise(std::span<float> values);

 private:
  float* tokens(const std::string& name);
  Bf16* tokens_bf16(const std::string& name);
  void touch(float* floats, std::size_t row_floats);

  const Cell& cell_;
  Team& team_;
  Random random_;
  std::vector<std::int32_t> ids_;
  std::map<std::string, Buffer> buffers_;
  std::map<std::string, Copies> copies_;
};

}  // namespace posbench
