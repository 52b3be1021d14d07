// Folders, files and environment of the data set tests.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "dataset/dataset.h"
#include "dataset/reader.h"

namespace posbench {

/// A folder of its own for each test, gone afterwards.
class ScratchTest : public testing::Test {
 protected:
  ScratchTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "posbench-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~ScratchTest() override { std::filesystem::remove_all(folder); }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    const auto file = folder / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

  std::filesystem::path folder;
};

/// The message of the Error that `action` throws; fails the test where it throws none.
template <class Error, class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// The data set, where it is on this machine; a test skips by name where it is not.
#define LOAD_OR_SKIP(variable, name)   \
  Dataset variable;                    \
  try {                                \
    variable = load_dataset(name);     \
  } catch (const MissingData& error) { \
    GTEST_SKIP() << error.what();      \
  }

}  // namespace posbench
