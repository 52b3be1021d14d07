// No encoding: the negative control. An encoder without one is permutation-equivariant.
#include "encoding/registry.h"

namespace posbench {
namespace {

template <class Real>
class None : public Encoding<Real> {
 public:
  explicit None(const EncodingOptions& /*options*/) {}
};

const bool kRegistered = register_encoding<None>("none", "no encoding, the negative control");

}  // namespace
}  // namespace posbench
