// All trained values of an encoder in one flat buffer, with a name for each part: one optimizer
// loop, one gradient check, one count of bytes, one file of weights.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace posbench {

/// One named matrix or vector inside the flat buffer.
struct Parameter {
  std::string name;
  std::size_t offset;
  std::size_t rows;
  std::size_t columns;  ///< rows = 1 for a vector
  bool decays;          ///< weight decay applies (matrices; not biases, norms)

  std::size_t size() const { return rows * columns; }
};

class ParameterLayout {
 public:
  /// Appends a part and returns its offset. Parts start at multiples of 16 elements, so that rows
  /// of usual widths are aligned to cache lines; the gaps stay zero.
  std::size_t add(const std::string& name, std::size_t rows, std::size_t columns, bool decays);

  const std::vector<Parameter>& parts() const { return parts_; }
  /// Elements of the flat buffer, gaps included.
  std::size_t buffer_size() const { return buffer_size_; }
  /// Trained values, gaps excluded.
  std::size_t count() const;
  /// Values of the parts whose names end so: of one name, or of that in every layer.
  std::size_t count(const std::string& ending) const;

 private:
  std::vector<Parameter> parts_;
  std::size_t buffer_size_ = 0;
};

}  // namespace posbench
