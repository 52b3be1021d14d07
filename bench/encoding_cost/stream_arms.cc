// Streams: what the machine can move at best in each mix of reads and writes. Limits, not
// encodings.
#include "encoding_cost/arms.h"
#include "kernel/lookup.h"

namespace posbench {
namespace {

// A share of the positions is the same share of each stream.
Share floats_of(BatchShape shape, Share positions) {
  const std::size_t per_position = shape.batch * shape.hidden;
  return {positions.begin * per_position, positions.end * per_position};
}

Arm make(Workbench& bench, const std::string& name) {
  const BatchShape shape = bench.shape();
  const std::size_t array = shape.elements() * sizeof(float);
  Arm arm{.name = name, .call = {}};
  if (name == "none") {
    arm.call = [](std::size_t, Share) {};
    return arm;
  }
  const Store store = Variant(name).store;
  if (name == "stream_update") {
    float* x = bench.in_place();
    arm.call = [=](std::size_t, Share positions) {
      const Share at = floats_of(shape, positions);
      stream_update(x + at.begin, at.size(), 1e-3f);
    };
    arm.bytes = 2 * array;
    arm.working_set_bytes = array;
  } else if (name.starts_with("copy")) {
    const float* x = bench.x();
    float* y = bench.y();
    arm.call = [=](std::size_t, Share positions) {
      const Share at = floats_of(shape, positions);
      stream_copy(x + at.begin, at.size(), y + at.begin, store);
    };
    arm.bytes = arm.working_set_bytes = 2 * array;
    arm.check = sum_check(bench, arm, Variant("copy"), {});
  } else {
    const bool in_place = name.ends_with("_in_place");
    const float* x = in_place ? bench.in_place() : bench.x();
    const float* z = bench.z();
    float* y = in_place ? bench.in_place() : bench.y();
    arm.call = [=](std::size_t, Share positions) {
      const Share at = floats_of(shape, positions);
      stream_add(x + at.begin, z + at.begin, at.size(), y + at.begin, store);
    };
    arm.bytes = 3 * array;
    arm.working_set_bytes = (in_place ? 2 : 3) * array;
  }
  return arm;
}

}  // namespace

ArmFamily stream_arms() {
  return {{"none", "copy", "copy_nt", "stream_add", "stream_add_nt", "stream_add_in_place",
           "stream_update"},
          make};
}

}  // namespace posbench
