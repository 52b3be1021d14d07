#include "encoding_cost/workbench.h"

#include <algorithm>

#include "kernel/topology.h"

namespace posbench {

Workbench::Workbench(const Cell& cell, Team& team)
    : cell_(cell), team_(team), random_(cell.seed, "buffers"), ids_(cell.shape.tokens()) {
  for (std::size_t t = 0; t < ids_.size(); ++t) {
    ids_[t] = static_cast<std::int32_t>(t % cell.shape.length);
  }
}

// A few thousand values repeated: filling must not take longer than measuring.
void Workbench::fill_with_noise(std::span<float> values) {
  std::vector<float> noise(std::min<std::size_t>(values.size(), 4093));
  for (float& value : noise) value = static_cast<float>(2.0 * random_.uniform() - 1.0);
  for (std::size_t at = 0; at < values.size(); at += noise.size()) {
    std::copy_n(noise.begin(), std::min(noise.size(), values.size() - at),
                values.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

// The first write to every page, by the thread whose positions it holds.
void Workbench::touch(float* floats, std::size_t row_floats) {
  team_.run([&](int part, int parts) {
    const Share rows = partition(shape().length, part, parts);
    for (std::size_t b = 0; b < shape().batch; ++b) {
      const std::size_t begin = (b * shape().length + rows.begin) * row_floats;
      std::fill_n(floats + begin, rows.size() * row_floats, 0.0f);
    }
  });
}

float* Workbench::tokens(const std::string& name) {
  const auto found = buffers_.find(name);
  if (found != buffers_.end()) return found->second.data();
  Buffer& buffer = buffers_.emplace(name, Buffer(shape().elements(), random_)).first->second;
  touch(buffer.data(), shape().hidden);
  fill_with_noise({buffer.data(), buffer.size()});
  return buffer.data();
}

Bf16* Workbench::tokens_bf16(const std::string& name) {
  const auto found = buffers_.find(name);
  if (found != buffers_.end()) return reinterpret_cast<Bf16*>(found->second.data());
  // Two values in the place of one float; an odd d shares a float between rows, which only touch
  // rounds off.
  const std::size_t floats = (shape().elements() + 1) / 2;
  Buffer& buffer = buffers_.emplace(name, Buffer(floats, random_)).first->second;
  touch(buffer.data(), shape().hidden / 2);
  std::vector<float> noise(4093);
  fill_with_noise(noise);
  Bf16* values = reinterpret_cast<Bf16*>(buffer.data());
  for (std::size_t i = 0; i < shape().elements(); ++i) values[i] = to_bf16(noise[i % noise.size()]);
  return values;
}

const float* Workbench::noise(const std::string& name, std::size_t n) {
  const auto found = buffers_.find(name);
  if (found != buffers_.end()) return found->second.data();
  Buffer& buffer = buffers_.emplace(name, Buffer(n, random_)).first->second;
  fill_with_noise({buffer.data(), n});
  return buffer.data();
}

Copies& Workbench::copies(const std::string& name,
                          const std::function<std::vector<float>()>& values) {
  const auto found = copies_.find(name);
  if (found != copies_.end()) return found->second;
  const std::vector<float> content = values();
  const bool cold = cell_.state == CacheState::kDramCold && !content.empty();
  const std::size_t bytes = cold ? 4 * cache_sizes().l3_bytes : 0;
  return copies_.emplace(name, Copies(content, bytes, random_, team_)).first->second;
}

}  // namespace posbench
