// The subject: one position encoding behind one small interface.
//
// An encoding enters at one or more of three places, and each has its part of the interface: the
// input sum (x (T, d) gains one row for each position id), the queries and keys (a rotation), the
// attention scores (terms that the fused attention adds). Its trained values, if any, live in the
// encoder's flat parameter buffer, so that one optimizer, one counter of bytes and one gradient
// check serve all; the object itself holds only what is fixed, and tables for the pass that runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernel/attention.h"
#include "kernel/rotation.h"

namespace posbench {

struct EncodingOptions {
  std::string convention = "";  ///< one of EncodingAbout::conventions; empty: the first
  std::string producer =
      "table";       ///< sinusoid: table, libm_pow, libm, vector_library, simd, recurrence
  int hidden = 128;  ///< d
  int heads = 1;     ///< H, a divisor of d
  int layers = 1;
  bool causal = false;   ///< no query sees a later key
  int max_length = 512;  ///< rows of a table, longest sequence
  // Where EncodingAbout::fills says so:
  int trained_length = 0;       ///< rows that training reaches; 0, or beyond max_length: all
  std::string fill = "random";  ///< what the others start with (encoding/fill.h)
  double position_rms =
      0.0;  ///< root mean square of the rows at the start; 0 = the encoding's own scale
  std::uint64_t seed = 0;
};

/// Rows and columns of trained values.
struct MatrixSize {
  std::size_t rows = 0;
  std::size_t columns = 0;

  std::size_t count() const { return rows * columns; }
};

/// An encoding's trained values, or their gradients, inside the encoder's buffer.
template <class Real>
struct PositionValues {
  Real* shared;               ///< shared_size(): serves all layers
  std::vector<Real*> layers;  ///< layer_size() each
};

/// Real is float in every measurement and double in gradient checks.
template <class Real>
class Encoding {
 public:
  virtual ~Encoding() = default;

  /// Trained values: those that serve all layers, and those that each layer has of its own.
  virtual MatrixSize shared_size() const { return {}; }
  virtual MatrixSize layer_size() const { return {}; }
  std::size_t parameter_count(std::size_t layers) const {
    return shared_size().count() + layers * layer_size().count();
  }
  virtual void initialize(Real* /*shared*/) const {}
  virtual void initialize_layer(std::size_t /*layer*/, Real* /*values*/) const {}
  /// Fills the rows that training did not reach from those that it did, where
  /// EncodingAbout::fills says so.
  virtual void fill(Real* /*shared*/) const {}

  // The input sum.

  /// x (T, d) += rows of `positions` (T). Throws UserError for an id outside the table, naming
  /// both.
  virtual void forward(const Real* /*shared*/, std::span<const std::int32_t> /*positions*/,
                       Real* /*x*/) const {}

  /// gradients += dL/dshared, given dx = dL/dx (T, d).
  virtual void backward(std::span<const std::int32_t> /*positions*/, const Real* /*dx*/,
                        Real* /*gradients*/) const {}

  // Queries and keys.

  /// Null: they are not rotated.
  virtual const Rotation<Real>* rotation() const { return nullptr; }

  // The attention scores.

  /// Before the first layer of a batch whose sequences have at most `longest` rows: makes what
  /// terms() hands out and, where a backward pass will follow, zeros where gradients gather.
  virtual void begin_pass(const PositionValues<const Real>& /*values*/, std::size_t /*longest*/,
                          bool /*trains*/) {}
  virtual ScoreTerms<Real> terms(std::size_t /*layer*/) const { return {}; }
  virtual ScoreTermGradients<Real> term_gradients(std::size_t /*layer*/) { return {}; }
  /// After the last block's backward pass: turns what has gathered into gradients, which it adds.
  virtual void end_pass(const PositionValues<const Real>& /*values*/,
                        const PositionValues<Real>& /*gradients*/) {}

  /// Bytes held beside the parameters: a fixed table, frequencies, seeds.
  virtual std::size_t table_bytes() const { return 0; }
  /// Bytes of working space that one call of forward needs beyond x.
  virtual std::size_t scratch_bytes() const { return 0; }
  /// Bytes of working memory that a library's products have taken for the passes so far, which is
  /// 0 on some CPUs; nothing where an encoding calls none.
  virtual std::optional<std::size_t> library_bytes() const { return std::nullopt; }
};

/// Which part of the interface an encoding has.
enum class EncodingPlace { nowhere, input, rotation, scores };

struct EncodingAbout {
  std::string name;
  std::string about;  ///< one line for `posbench list encodings`
  EncodingPlace place;
  bool absolute;  ///< tells where in its text a row is; else at most how far two rows are apart
  std::vector<std::string> conventions = {};  ///< functions that go by this name; empty: one only
  bool fills = false;                         ///< rows beyond a trained length can be filled
};

/// By name.
std::vector<EncodingAbout> encodings();

/// Throws UserError for an unknown name, naming the nearest one.
const EncodingAbout& find_encoding(const std::string& name);

/// Throws UserError for an unknown name, convention or producer, naming the nearest valid one,
/// and for a hidden size that the encoding cannot have.
template <class Real>
std::unique_ptr<Encoding<Real>> make_encoding(const std::string& name,
                                              const EncodingOptions& options);

}  // namespace posbench
