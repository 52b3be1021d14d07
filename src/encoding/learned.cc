// BERT's position table: trained rows, drawn at first from a normal distribution cut at two
// deviations (google-research/bert, modeling.py, create_initializer). Its positions begin at row 0;
// RoBERTa's at row 2, behind the row of padding and one that nobody uses (fairseq, make_positions).
#include "base/random.h"
#include "encoding/fill.h"
#include "encoding/registry.h"
#include "encoding/tables.h"

namespace posbench {
namespace {

// The deviation that is left of 1 after cutting at 2: sqrt(1 − 4φ(2)/(2Φ(2) − 1)).
constexpr double kTruncatedDeviation = 0.8796256610342398;

template <class Real>
class Learned : public TrainedTable<Real> {
 public:
  explicit Learned(const EncodingOptions& options)
      : TrainedTable<Real>(options, options.convention == "roberta" ? 2 : 0),
        // BERT's 0.02 is the deviation before the cut; its rows start at 0.0176. A root mean square
        // that someone asks for is the one they get.
        deviation_(options.position_rms > 0.0 ? options.position_rms / kTruncatedDeviation : 0.02),
        trained_(static_cast<std::size_t>(options.trained_length)),
        fill_(options.fill),
        seed_(options.seed) {}

  void initialize(Real* shared) const override {
    Random random(seed_, "position");
    for (std::size_t i = 0; i < this->shared_size().count(); ++i) {
      shared[i] = static_cast<Real>(deviation_ * random.truncated_normal());
    }
    fill(shared);
  }

  void fill(Real* shared) const override {
    fill_rows(fill_, trained_, this->rows_, this->hidden_, shared + this->first_ * this->hidden_);
  }

 private:
  double deviation_;
  std::size_t trained_;
  std::string fill_;
  std::uint64_t seed_;
};

const bool kRegistered = register_encoding<Learned>(
    {.name = "learned",
     .about = "BERT's trained table, truncated normal with deviation 0.02 at the start",
     .place = EncodingPlace::input,
     .absolute = true,
     .conventions = {"bert", "roberta"},
     .fills = true});

}  // namespace
}  // namespace posbench
