// Golden files: where they are, and the numbers that they leave to a formula
// (tests/golden/files.py).
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"

namespace posbench {

inline nlohmann::json golden(const std::string& name) {
  return nlohmann::json::parse(read_file(std::string(GOLDEN_DIR) + "/" + name + ".json"));
}

/// Names of all files in a folder of golden files, with the folder.
inline std::vector<std::string> golden_names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(GOLDEN_DIR) + "/" + folder)) {
    names.push_back(folder + "/" + file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// For names of parameterized tests.
inline std::string word_of(std::string name) {
  for (char& letter : name) {
    if (letter == '-' || letter == '/') letter = '_';
  }
  return name;
}

/// Number i of a parameter, a multiple of 1/64 from −1 to 1: FNV-1a's hash of the name and the
/// number, mixed as MurmurHash3 ends.
inline double by_formula(const std::string& name, std::size_t i) {
  std::uint32_t x = 2166136261u;
  for (const char letter : name) x = (x ^ static_cast<std::uint8_t>(letter)) * 16777619u;
  x ^= static_cast<std::uint32_t>(i) * 2654435761u;
  x = (x ^ x >> 16) * 0x85EBCA6Bu;
  x = (x ^ x >> 13) * 0xC2B2AE35u;
  x ^= x >> 16;
  return (static_cast<double>(x % 129) - 64) / 64;
}

template <class Real>
std::vector<Real> by_formula(const std::string& name, std::size_t first, std::size_t count) {
  std::vector<Real> numbers(count);
  for (std::size_t i = 0; i < count; ++i) {
    numbers[i] = static_cast<Real>(by_formula(name, first + i));
  }
  return numbers;
}

}  // namespace posbench
