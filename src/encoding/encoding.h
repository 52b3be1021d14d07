// The subject: one position encoding behind one small interface.
//
// Every encoding of this file enters at the input sum: x (T, d) gains one row for each position id.
// Its trained values, if any, live in the encoder's flat parameter buffer, so that one optimizer,
// one counter of bytes and one gradient check serve all; the object itself holds only what is
// fixed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace posbench {

struct EncodingOptions {
  std::string convention = "interleaved";  ///< sinusoid: `interleaved` (paper) or `tensor2tensor`
  std::string producer =
      "table";           ///< sinusoid: table, libm_pow, libm, vector_library, simd, recurrence
  int hidden = 128;      ///< d
  int max_length = 512;  ///< rows of a table
  double position_rms =
      0.0;  ///< root mean square of the rows at the start; 0 = the encoding's own scale
  std::uint64_t seed = 0;
};

/// Real is float in every measurement and double in gradient checks.
template <class Real>
class Encoding {
 public:
  virtual ~Encoding() = default;

  /// Trained values (0 where nothing is trained).
  virtual std::size_t parameter_count() const { return 0; }
  virtual void initialize(Real* /*parameters*/) const {}

  /// x (T, d) += rows of `positions` (T). Throws UserError for an id outside the table, naming
  /// both.
  virtual void forward(const Real* parameters, std::span<const std::int32_t> positions,
                       Real* x) const = 0;

  /// gradients += dL/dparameters, given dx = dL/dx (T, d).
  virtual void backward(std::span<const std::int32_t> /*positions*/, const Real* /*dx*/,
                        Real* /*gradients*/) const {}

  /// Bytes held beside the parameters: a fixed table, frequencies, seeds.
  virtual std::size_t table_bytes() const { return 0; }
  /// Bytes of working space that one call of forward needs beyond x.
  virtual std::size_t scratch_bytes() const { return 0; }
};

/// One line for `posbench list encodings`.
struct EncodingAbout {
  std::string name;
  std::string about;
};
std::vector<EncodingAbout> encodings();

/// Throws UserError for an unknown name, convention or producer, naming the nearest valid one,
/// and for a hidden size that the encoding cannot have.
template <class Real>
std::unique_ptr<Encoding<Real>> make_encoding(const std::string& name,
                                              const EncodingOptions& options);

}  // namespace posbench
