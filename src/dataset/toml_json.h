// TOML files as JSON values: specs, rules and records speak JSON.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace posbench {

/// Throws UserError naming file, line and reason where the file cannot be read or parsed.
nlohmann::json read_toml(const std::filesystem::path& file);

}  // namespace posbench
