#include "encoding_cost/arms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {

bool strip(std::string& name, const std::string& suffix) {
  if (!name.ends_with(suffix)) return false;
  name.resize(name.size() - suffix.size());
  return true;
}

const std::vector<ArmFamily>& families() {
  static const std::vector<ArmFamily> all = {stream_arms(),    lookup_arms(), sinusoid_arms(),
                                             embedding_arms(), best_arms(),   intrinsics_arms()};
  return all;
}

}  // namespace

Variant::Variant(const std::string& name) : source(name) {
  in_place = strip(source, "_in_place");
  if (strip(source, "_nt")) store = Store::kNonTemporal;
  if (strip(source, "_bf16_table")) storage = Storage::kBf16Table;
  if (strip(source, "_bf16")) storage = Storage::kBf16;
  if (strip(source, "_t2t")) convention = Convention::kTensor2tensor;
}

std::vector<std::string> arm_names() {
  std::vector<std::string> names;
  for (const ArmFamily& family : families()) {
    names.insert(names.end(), family.names.begin(), family.names.end());
  }
  return names;
}

Arm make_arm(Workbench& bench, const std::string& name) {
  for (const ArmFamily& family : families()) {
    if (std::ranges::find(family.names, name) != family.names.end()) {
      return family.make(bench, name);
    }
  }
  throw UserError(unknown_word("arm", name, arm_names()));
}

Sum<float> sum_f32(Workbench& bench, const Variant& variant) {
  if (variant.in_place) return {bench.in_place(), bench.in_place(), bench.shape()};
  return {bench.x(), bench.y(), bench.shape()};
}

Sum<Bf16> sum_bf16(Workbench& bench, const Variant& variant) {
  if (variant.in_place) return {bench.in_place_bf16(), bench.in_place_bf16(), bench.shape()};
  return {bench.x_bf16(), bench.y_bf16(), bench.shape()};
}

void account(Arm& arm, Workbench& bench, const Variant& variant, std::size_t row_bytes) {
  const bool narrow = variant.storage == Variant::Storage::kBf16;
  const std::size_t tokens = bench.shape().elements() * (narrow ? sizeof(Bf16) : sizeof(float));
  arm.bytes = 2 * tokens + row_bytes;
  arm.working_set_bytes = (variant.in_place ? 1 : 2) * tokens + row_bytes;
  if (variant.storage != Variant::Storage::kF32) return;  // there are streams for f32 only
  // One batch element reads as much of the table as of x, many read it once for all of them.
  const bool adds = row_bytes > 0 && bench.shape().batch == 1;
  if (variant.in_place) {
    arm.stream = adds ? "stream_add_in_place" : "stream_update";
  } else {
    arm.stream = adds ? "stream_add" : "copy";
    if (variant.store == Store::kNonTemporal) arm.stream += "_nt";
  }
}

std::function<void()> sum_check(Workbench& bench, const Arm& arm, const Variant& variant,
                                std::function<void(std::int64_t, std::size_t, float*)> rows) {
  const bool narrow = variant.storage == Variant::Storage::kBf16;
  return [&bench, call = arm.call, name = arm.name, variant, narrow, rows = std::move(rows)] {
    const auto [batch, length, d] = bench.shape();
    // Runs of rows to look at: begin, middle and end of the positions of the first and the last
    // batch element.
    const std::size_t last = (length - 1) / kRecurrencePeriod * kRecurrencePeriod;
    std::vector<std::size_t> starts;
    for (const std::size_t start :
         {std::size_t{0}, last / 2 / kRecurrencePeriod * kRecurrencePeriod, last}) {
      starts.push_back(start);
      starts.push_back((batch - 1) * length + start);
    }
    const auto read = [&](bool output, std::size_t i) {
      if (narrow) {
        const Sum<Bf16> sum = sum_bf16(bench, variant);
        return to_float(output ? sum.y[i] : sum.x[i]);
      }
      const Sum<float> sum = sum_f32(bench, variant);
      return output ? sum.y[i] : sum.x[i];
    };
    std::vector<std::vector<float>> expected;
    for (const std::size_t start : starts) {
      const std::size_t n = std::min(kRecurrencePeriod, length - start % length);
      std::vector<float>& sums = expected.emplace_back(n * d, 0.0f);
      if (rows) rows(static_cast<std::int64_t>(start % length), n, sums.data());
      for (std::size_t i = 0; i < sums.size(); ++i) {
        sums[i] += read(false, start * d + i);
        if (narrow) sums[i] = to_float(to_bf16(sums[i]));
      }
    }
    call(0, {0, length});
    for (std::size_t k = 0; k < starts.size(); ++k) {
      for (std::size_t i = 0; i < expected[k].size(); ++i) {
        const float got = read(true, starts[k] * d + i);
        if (got == expected[k][i]) continue;
        throw std::runtime_error(
            fmt::format("arm {} is wrong: at token {}, column {} it wrote {} instead of {}", name,
                        starts[k] + i / d, i % d, got, expected[k][i]));
      }
    }
  };
}

}  // namespace posbench
