// What this build is. Defined by cmake/write_version.cmake at every build.
#pragma once

#include <string_view>

namespace posbench {

struct Version {
  std::string_view version;
  std::string_view commit;  ///< 40 hexadecimal digits, or "unknown" outside git
  bool dirty;               ///< sources differ from that commit
  std::string_view compiler;
  std::string_view flags;
};

extern const Version kVersion;

}  // namespace posbench
