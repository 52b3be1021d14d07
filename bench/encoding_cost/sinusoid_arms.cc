// Sinusoids: from a table, and made anew by every producer, in both conventions.
#include <fmt/format.h>

#include "base/error.h"
#include "encoding_cost/arms.h"
#include "kernel/lookup.h"

namespace posbench {
namespace {

constexpr auto kTable = "sinusoid_table";

Arm make_table(Workbench& bench, const Variant& variant, Sinusoid sinusoid) {
  const BatchShape shape = bench.shape();
  const bool paper = variant.convention == Convention::kInterleaved;
  Copies& copies = bench.copies(paper ? kTable : "sinusoid_table_t2t", [=] {
    std::vector<float> values(shape.length * shape.hidden);
    fill_sinusoid_table(sinusoid, 0, shape.length, values.data());
    return values;
  });
  const Sum<float> sum = sum_f32(bench, variant);
  Arm arm{.name = {}, .call = {}};
  arm.call = [=, &copies, store = variant.store](std::size_t turn, Share at) {
    const Table<float> table{copies.at(turn), shape.length, shape.hidden};
    add_slice(sum.positions(at.begin, at.size()), table, at.begin, Walk::kTiles, store);
  };
  arm.rows = [sinusoid](std::int64_t first, std::size_t n, float* out) {
    fill_sinusoid_table(sinusoid, first, n, out);
  };
  arm.tolerance = [](std::int64_t) { return kTableTolerance; };
  account(arm, bench, variant, shape.length * shape.hidden * sizeof(float));
  return arm;
}

Arm make_computed(Workbench& bench, const Variant& variant, Sinusoid sinusoid) {
  const SinusoidProducer& producer = sinusoid_producer(variant.source);
  const bool paper = variant.convention == Convention::kInterleaved;
  Copies& copies = bench.copies(variant.source + (paper ? "" : "_t2t"),
                                [&] { return producer.constants(sinusoid); });
  Arm arm{.name = {}, .call = {}};
  const auto call = [&copies, sinusoid, store = variant.store](auto add, const auto& sum) {
    return [=, &copies](std::size_t turn, Share at) {
      add(sinusoid, copies.at(turn), static_cast<std::int64_t>(at.begin),
          sum.positions(at.begin, at.size()), store);
    };
  };
  arm.call = variant.storage == Variant::Storage::kBf16
                 ? std::function<void(std::size_t, Share)>(
                       call(producer.add_bf16, sum_bf16(bench, variant)))
                 : call(producer.add, sum_f32(bench, variant));
  arm.rows = [&copies, &producer, sinusoid](std::int64_t first, std::size_t n, float* out) {
    producer.rows(sinusoid, copies.at(0), first, n, out);
  };
  arm.tolerance = producer.tolerance;
  account(arm, bench, variant, 0);
  return arm;
}

Arm make(Workbench& bench, const std::string& name) {
  const Variant variant(name);
  const Sinusoid sinusoid = make_sinusoid(variant.convention, bench.shape().hidden);
  Arm arm = variant.source == kTable ? make_table(bench, variant, sinusoid)
                                     : make_computed(bench, variant, sinusoid);
  arm.name = name;
  arm.reference = [sinusoid](std::int64_t t) { return sinusoid_reference(sinusoid, t); };
  arm.check = sum_check(bench, arm, variant, arm.rows);
  return arm;
}

}  // namespace

ArmFamily sinusoid_arms() {
  ArmFamily family{{}, make};
  const auto add = [&](const std::string& source, bool has_bf16) {
    for (const std::string convention : {"", "_t2t"}) {
      for (const std::string storage : {"", "_bf16"}) {
        if (!storage.empty() && !has_bf16) continue;
        for (const std::string mode : {"", "_in_place", "_nt"}) {
          family.names.push_back(source + convention + storage + mode);
        }
      }
    }
  };
  add(kTable, false);
  for (const SinusoidProducer* producer : sinusoid_producers()) {
    add(std::string(producer->name), producer->add_bf16 != nullptr);
  }
  return family;
}

}  // namespace posbench
