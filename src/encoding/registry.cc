#include "encoding/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {

// By name, so that listings do not depend on the order in which the linker starts things. A
// function's static exists before the first registration.
std::map<std::string, EncodingEntry>& registry() {
  static std::map<std::string, EncodingEntry> entries;
  return entries;
}

const EncodingEntry& find(const std::string& name) {
  const auto found = registry().find(name);
  if (found != registry().end()) return found->second;
  std::vector<std::string> known;
  for (const auto& [key, entry] : registry()) known.push_back(key);
  throw UserError(unknown_word("encoding", name, known));
}

// The options with the convention spelled out.
EncodingOptions resolved(const EncodingAbout& about, EncodingOptions options) {
  const auto& known = about.conventions;
  if (options.convention.empty()) {
    if (!known.empty()) options.convention = known.front();
  } else if (known.empty()) {
    throw UserError(fmt::format("encoding {} has one convention; leave '{}' out", about.name,
                                options.convention));
  } else if (std::ranges::find(known, options.convention) == known.end()) {
    throw UserError(unknown_word(about.name + " convention", options.convention, known));
  }
  return options;
}

void require_sensible(const EncodingOptions& options) {
  if (options.hidden < 1 || options.max_length < 1) {
    throw UserError(
        fmt::format("an encoding needs a hidden size and a length of at least 1; got {} and {}",
                    options.hidden, options.max_length));
  }
  if (options.heads < 1 || options.layers < 1 || options.hidden % options.heads != 0) {
    throw UserError(
        fmt::format("an encoding needs heads that divide the hidden size, and layers; got {} heads "
                    "for {} in {} layers",
                    options.heads, options.hidden, options.layers));
  }
  if (!(options.position_rms >= 0.0)) {
    throw UserError(
        fmt::format("position_rms is {}; it must be positive, or 0 for the encoding's own scale",
                    options.position_rms));
  }
}

}  // namespace

bool add_encoding(EncodingEntry entry) {
  const std::string name = entry.about.name;
  return registry().emplace(name, std::move(entry)).second;
}

std::vector<EncodingAbout> encodings() {
  std::vector<EncodingAbout> all;
  for (const auto& [name, entry] : registry()) all.push_back(entry.about);
  return all;
}

const EncodingAbout& find_encoding(const std::string& name) { return find(name).about; }

template <>
std::unique_ptr<Encoding<float>> make_encoding<float>(const std::string& name,
                                                      const EncodingOptions& options) {
  const EncodingEntry& entry = find(name);
  require_sensible(options);
  return entry.make_float(resolved(entry.about, options));
}

template <>
std::unique_ptr<Encoding<double>> make_encoding<double>(const std::string& name,
                                                        const EncodingOptions& options) {
  const EncodingEntry& entry = find(name);
  require_sensible(options);
  return entry.make_double(resolved(entry.about, options));
}

}  // namespace posbench
