#include "encoding_cost/arms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "kernel/caches.h"

namespace posbench {
namespace {

// Values in −1 … 1, a few thousand of them repeated: filling must not take longer than measuring.
void fill_with_noise(std::span<float> values, Random& random) {
  std::vector<float> noise(std::min<std::size_t>(values.size(), 4093));
  for (float& value : noise) value = static_cast<float>(2.0 * random.uniform() - 1.0);
  for (std::size_t at = 0; at < values.size(); at += noise.size()) {
    std::copy_n(noise.begin(), std::min(noise.size(), values.size() - at),
                values.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

// simd_t2t and table_t2t are the same in the other convention.
bool is_tensor2tensor(const std::string& name) { return name.ends_with("_t2t"); }
std::string without_convention(const std::string& name) {
  return is_tensor2tensor(name) ? name.substr(0, name.size() - 4) : name;
}

}  // namespace

const std::vector<std::string>& Arms::names() {
  static const std::vector<std::string> all = {
      "copy",           "none",      "learned_slice", "learned_again",  "learned_gather",
      "sinusoid_table", "libm_pow",  "libm",          "vector_library", "simd",
      "recurrence",     "table_t2t", "simd_t2t"};
  return all;
}

Arms::Arms(const Cell& cell)
    : shape_(cell.shape),
      cold_bytes_(cell.state == CacheState::kDramCold ? 4 * cache_sizes().l3_bytes : 0),
      random_(cell.seed, "buffers"),
      x_(shape_.elements(), random_),
      y_(shape_.elements(), random_),
      scratch_(sinusoid_block_rows(shape_) * shape_.hidden, random_),
      ids_(shape_.tokens()) {
  fill_with_noise({x_.data(), x_.size()}, random_);
  for (std::size_t t = 0; t < ids_.size(); ++t) {
    ids_[t] = static_cast<std::int32_t>(t % shape_.length);
  }
  for (const std::string& name : cell.arms) {
    if (std::ranges::find(names(), name) == names().end()) {
      throw UserError(unknown_word("arm", name, names()));
    }
    const bool needs_pairs = name != "copy" && name != "none" && !name.starts_with("learned");
    if (needs_pairs && shape_.hidden % 2 != 0) {
      skipped_[name] = fmt::format("a sinusoid needs an even hidden size, not {}", shape_.hidden);
    } else {
      arms_.push_back(make(name));
    }
  }
}

Arm Arms::make(const std::string& name) {
  if (name == "none")
    return {.name = name, .call = [] {}, .rows = {}, .reference = {}, .tolerance = {}};
  if (name == "copy") {
    return {.name = name,
            .call = [this] { copy_floats(x_.data(), x_.size(), y_.data()); },
            .rows = {},
            .reference = {},
            .tolerance = {}};
  }
  if (name.starts_with("learned")) return make_learned(name);
  const Convention convention =
      is_tensor2tensor(name) ? Convention::kTensor2tensor : Convention::kInterleaved;
  const std::string producer = without_convention(name);
  if (producer.ends_with("table")) return make_sinusoid_table(name, convention);
  return make_computed(name, sinusoid_producer(producer), convention);
}

// learned_again is learned_slice once more, on the same memory: their ratio is the floor of every
// other ratio.
Arm Arms::make_learned(const std::string& name) {
  Copies& copies = copies_of("learned", [this] {
    std::vector<float> values(shape_.length * shape_.hidden);
    fill_with_noise(values, random_);
    return values;
  });
  const auto next_table = [this, &copies] {
    return Table<float>{copies.next(), shape_.length, shape_.hidden};
  };
  std::function<void()> call;
  if (name == "learned_gather") {
    call = [this, next_table] { add_gather(x_.data(), next_table(), ids_, y_.data()); };
  } else {
    call = [this, next_table] { add_slice(x_.data(), next_table(), 0, shape_, y_.data()); };
  }
  const auto rows = [this, &copies](std::int64_t first, std::size_t n, float* out) {
    const float* from = copies.next() + static_cast<std::size_t>(first) * shape_.hidden;
    std::copy_n(from, n * shape_.hidden, out);
  };
  return {.name = name, .call = call, .rows = rows, .reference = {}, .tolerance = {}};
}

Arm Arms::make_sinusoid_table(const std::string& name, Convention convention) {
  const Sinusoid sinusoid = make_sinusoid(convention, shape_.hidden);
  Copies& copies = copies_of(name, [this, sinusoid] {
    std::vector<float> values(shape_.length * shape_.hidden);
    fill_sinusoid_table(sinusoid, 0, shape_.length, values.data());
    return values;
  });
  return {.name = name,
          .call =
              [this, &copies] {
                const Table<float> table{copies.next(), shape_.length, shape_.hidden};
                add_slice(x_.data(), table, 0, shape_, y_.data());
              },
          .rows = [sinusoid](std::int64_t first, std::size_t n,
                             float* out) { fill_sinusoid_table(sinusoid, first, n, out); },
          .reference = [sinusoid](std::int64_t t) { return sinusoid_reference(sinusoid, t); },
          .tolerance = [](std::int64_t) { return 3.1e-8; }};
}

Arm Arms::make_computed(const std::string& name, const SinusoidProducer& producer,
                        Convention convention) {
  const Sinusoid sinusoid = make_sinusoid(convention, shape_.hidden);
  Copies& copies = copies_of(name, [&] { return producer.constants(sinusoid); });
  return {.name = name,
          .call =
              [this, &copies, &producer, sinusoid] {
                add_sinusoid(producer, sinusoid, copies.next(), x_.data(), shape_, 0,
                             scratch_.data(), y_.data());
              },
          .rows = [&copies, &producer, sinusoid](
                      std::int64_t first, std::size_t n,
                      float* out) { producer.rows(sinusoid, copies.next(), first, n, out); },
          .reference = [sinusoid](std::int64_t t) { return sinusoid_reference(sinusoid, t); },
          .tolerance = producer.tolerance};
}

Copies& Arms::copies_of(const std::string& name,
                        const std::function<std::vector<float>()>& values) {
  const auto found = copies_.find(name);
  if (found != copies_.end()) return found->second;
  const std::vector<float> content = values();
  const std::size_t bytes = content.empty() ? 0 : cold_bytes_;
  return copies_.emplace(name, Copies(content, bytes, random_)).first->second;
}

}  // namespace posbench
