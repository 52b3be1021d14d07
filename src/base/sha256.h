// SHA-256 as 64 lower-case hexadecimal digits: ids of trials, digests of data.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace posbench {

/// Digests what is fed to it piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  /// The digest of everything fed so far. Call once.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256(std::string_view bytes);

/// Throws UserError where the file cannot be read.
std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace posbench
