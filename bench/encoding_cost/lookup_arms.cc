// Rows from a learned table: as a slice, in each order of walking, and by ids.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "encoding_cost/arms.h"
#include "kernel/lookup.h"

namespace posbench {
namespace {

Walk walk_of(const std::string& source) {
  if (source == "learned_l1_tiles") return Walk::kL1Tiles;
  if (source == "learned_groups") return Walk::kGroups;
  return Walk::kTiles;
}

// Calls the kernel with the table in its own form; learned_again is learned_slice once more, on the
// same memory: their ratio is the floor of every other ratio.
template <class T, class P>
std::function<void(std::size_t, Share)> caller(Workbench& bench, const Variant& variant,
                                               const Sum<T>& sum, Copies& copies) {
  const BatchShape shape = bench.shape();
  const auto table = [&copies, shape](std::size_t turn) {
    return Table<P>{reinterpret_cast<const P*>(copies.at(turn)), shape.length, shape.hidden};
  };
  if (variant.source != "learned_gather") {
    return [=, walk = walk_of(variant.source), store = variant.store](std::size_t turn, Share at) {
      add_slice(sum.positions(at.begin, at.size()), table(turn), at.begin, walk, store);
    };
  }
  if constexpr (std::is_same_v<T, P>) {
    const std::span<const std::int32_t> ids = bench.ids();
    return [=, store = variant.store](std::size_t turn, Share at) {
      for (std::size_t b = 0; b < shape.batch; ++b) {
        const std::size_t token = b * shape.length + at.begin;
        add_gather(sum.x + token * shape.hidden, table(turn), ids.subspan(token, at.size()),
                   sum.y + token * shape.hidden, store);
      }
    };
  }
  return {};
}

Arm make(Workbench& bench, const std::string& name) {
  const Variant variant(name);
  const std::size_t n = bench.shape().length * bench.shape().hidden;
  Copies& f32 = bench.copies("learned", [&] {
    std::vector<float> values(n);
    bench.fill_with_noise(values);
    return values;
  });
  Arm arm{.name = name, .call = {}};
  if (variant.storage == Variant::Storage::kF32) {
    account(arm, bench, variant, n * sizeof(float));
    arm.call = caller<float, float>(bench, variant, sum_f32(bench, variant), f32);
  } else {
    // The same values rounded, two in the place of a float.
    Copies& bf16 = bench.copies("learned_bf16", [&] {
      std::vector<Bf16> narrow(n + 1);
      std::transform(f32.at(0), f32.at(0) + n, narrow.begin(), to_bf16);
      std::vector<float> packed((n + 1) / 2);
      std::memcpy(packed.data(), narrow.data(), packed.size() * sizeof(float));
      return packed;
    });
    account(arm, bench, variant, n * sizeof(Bf16));
    arm.call = variant.storage == Variant::Storage::kBf16
                   ? caller<Bf16, Bf16>(bench, variant, sum_bf16(bench, variant), bf16)
                   : caller<float, Bf16>(bench, variant, sum_f32(bench, variant), bf16);
  }
  const bool narrow = variant.storage != Variant::Storage::kF32;
  const auto rows = [&f32, narrow, d = bench.shape().hidden](std::int64_t first, std::size_t count,
                                                             float* out) {
    const float* from = f32.at(0) + static_cast<std::size_t>(first) * d;
    for (std::size_t i = 0; i < count * d; ++i)
      out[i] = narrow ? to_float(to_bf16(from[i])) : from[i];
  };
  arm.check = sum_check(bench, arm, variant, rows);
  return arm;
}

}  // namespace

ArmFamily lookup_arms() {
  ArmFamily family{{"learned_again"}, make};
  for (const std::string source :
       {"learned_slice", "learned_l1_tiles", "learned_groups", "learned_gather"}) {
    for (const std::string storage : {"", "_bf16", "_bf16_table"}) {
      if (source == "learned_gather" && storage == "_bf16_table") continue;  // nobody stores so
      for (const std::string mode : {"", "_in_place", "_nt"}) {
        family.names.push_back(source + storage + mode);
      }
    }
  }
  return family;
}

}  // namespace posbench
