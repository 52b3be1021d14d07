// Shows a JSON value of a failed expectation as its text. GoogleTest would take it for a container
// that holds itself, and print until the stack ends.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>

namespace nlohmann {

inline void PrintTo(const json& value, std::ostream* out) { *out << value.dump(); }

}  // namespace nlohmann
