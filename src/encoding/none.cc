// No encoding: the negative control. An encoder without one is permutation-equivariant.
#include "encoding/registry.h"

namespace posbench {
namespace {

template <class Real>
class None : public Encoding<Real> {
 public:
  explicit None(const EncodingOptions& /*options*/) {}
};

const bool kRegistered = register_encoding<None>({.name = "none",
                                                  .about = "no encoding, the negative control",
                                                  .place = EncodingPlace::nowhere,
                                                  .absolute = false});

}  // namespace
}  // namespace posbench
