// The sinusoid as the initial value of a trained table: does a good start last?
#include "encoding/registry.h"
#include "encoding/sinusoid_rows.h"
#include "encoding/tables.h"

namespace posbench {
namespace {

template <class Real>
class SinusoidTrainable : public TrainedTable<Real> {
 public:
  explicit SinusoidTrainable(const EncodingOptions& options)
      : TrainedTable<Real>(options), options_(options) {
    sinusoid_of(options);  // refuses an unknown convention or an odd d now rather than later
  }

  void initialize(Real* shared) const override { fill_scaled_table(options_, shared); }

 private:
  EncodingOptions options_;
};

const bool kRegistered =
    register_encoding<SinusoidTrainable>({.name = "sinusoid_trainable",
                                          .about = "a trained table that starts as the sinusoid",
                                          .place = EncodingPlace::input,
                                          .absolute = true,
                                          .conventions = {"interleaved", "tensor2tensor"}});

}  // namespace
}  // namespace posbench
