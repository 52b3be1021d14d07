#include "encoder/parameters.h"

namespace posbench {

std::size_t ParameterLayout::add(const std::string& name, std::size_t rows, std::size_t columns,
                                 bool decays) {
  const std::size_t offset = buffer_size_;
  parts_.push_back({name, offset, rows, columns, decays});
  buffer_size_ += (rows * columns + 15) / 16 * 16;
  return offset;
}

std::size_t ParameterLayout::count() const {
  std::size_t sum = 0;
  for (const Parameter& part : parts_) sum += part.size();
  return sum;
}

std::size_t ParameterLayout::count(const std::string& ending) const {
  std::size_t sum = 0;
  for (const Parameter& part : parts_) {
    if (part.name.ends_with(ending)) sum += part.size();
  }
  return sum;
}

}  // namespace posbench
