// Rows that are unique but have no structure and never change: what a task gains from this encoding
// over `none` it owes to telling positions apart, not to their order.
#include "base/random.h"
#include "encoding/registry.h"
#include "encoding/tables.h"

namespace posbench {
namespace {

template <class Real>
class RandomFrozen : public FixedTable<Real> {
 public:
  explicit RandomFrozen(const EncodingOptions& options) : FixedTable<Real>(options) {
    Random random(options.seed, "position");
    const double deviation = options.position_rms > 0.0 ? options.position_rms : 0.02;
    for (Real& value : this->table_) value = static_cast<Real>(deviation * random.normal());
  }
};

const bool kRegistered = register_encoding<RandomFrozen>(
    {.name = "random_frozen",
     .about = "fixed normal rows, deviation 0.02: unique ids without structure",
     .place = EncodingPlace::input,
     .absolute = true});

}  // namespace
}  // namespace posbench
