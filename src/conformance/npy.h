// Reads numpy's .npy files (numpy/lib/format.py, versions 1 to 3): tables of floating-point numbers
// that somebody wants to compare.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

namespace posbench {

struct NpyTable {
  std::size_t rows;
  std::size_t columns;  ///< 1 for an array of one dimension
  double rounding;  ///< largest relative error of a number of its type: 2^−11, 2^−24 or 2^−53
  std::vector<double> values;  ///< (rows, columns)
};

/// Throws UserError for a file that cannot be read, and for anything but one or two dimensions of
/// f2, f4 or f8 in little-endian C order, with the line of Python that mends it.
NpyTable read_npy(const std::filesystem::path& file);

/// The same from the bytes of a file; `name` is for errors.
NpyTable parse_npy(std::string_view bytes, std::string_view name);

}  // namespace posbench
