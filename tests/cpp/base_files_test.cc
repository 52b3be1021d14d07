#include "base/files.h"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "dataset_helpers.h"
#include "variable.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;

class Files : public ScratchTest {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(folder)) all.push_back(entry.path().filename());
    std::sort(all.begin(), all.end());
    return all;
  }
};

TEST_F(Files, WrittenBytesAreReadBack) {
  const std::string bytes("a\0b\r\n\xff", 6);
  write_file_atomically(folder / "file", bytes);
  EXPECT_EQ(read_file(folder / "file"), bytes);
  write_file_atomically(folder / "file", "");
  EXPECT_EQ(read_file(folder / "file"), "");
  const std::string long_text(3'000'000, 'x');
  write_file_atomically(folder / "file", long_text);
  EXPECT_EQ(read_file(folder / "file"), long_text);
  EXPECT_THAT(names(), testing::ElementsAre("file"));  // no part is left
}

TEST_F(Files, WhatCannotBeReadIsNamed) {
  const auto missing = message_of<UserError>([&] { read_file(folder / "missing"); });
  EXPECT_THAT(missing, testing::HasSubstr((folder / "missing").string()));
  EXPECT_THAT(missing, testing::HasSubstr("No such file"));
  const auto directory = message_of<UserError>([&] { read_file(folder); });
  EXPECT_THAT(directory, testing::HasSubstr(folder.string()));
  EXPECT_THAT(directory, testing::HasSubstr("directory"));
}

// A path below a regular file cannot be written to, not even by root.
TEST_F(Files, AFolderThatCannotBeWrittenIsNamed) {
  const fs::path below = write("in_the_way", "text") / "run";
  const auto made = message_of<UserError>([&] { require_writable_folder(below); });
  EXPECT_THAT(made, testing::HasSubstr(below.string()));
  EXPECT_THAT(made, testing::HasSubstr("--out"));
  const auto written = message_of<UserError>([&] { write_file_atomically(below / "x", "x"); });
  EXPECT_THAT(written, testing::HasSubstr((below / "x").string()));
  EXPECT_EQ(read_file(folder / "in_the_way"), "text");
}

TEST_F(Files, AFolderThatCanBeWrittenIsMadeAndLeftEmpty) {
  require_writable_folder(folder / "a" / "b");
  EXPECT_TRUE(fs::is_directory(folder / "a" / "b"));
  EXPECT_TRUE(fs::is_empty(folder / "a" / "b"));
}

// A limit on the size of files stands in for a full disk: some bytes get through, then no more.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST_F(Files, AWriteThatFailsHalfwayKeepsTheOldBytesAndLeavesNoPart) {
  write_file_atomically(folder / "record", "old");
  std::string message;
  {
    const FullDisk full(1000);
    message = message_of<UserError>(
        [&] { write_file_atomically(folder / "record", std::string(5000, 'x')); });
  }
  EXPECT_THAT(message, testing::HasSubstr((folder / "record").string()));
  EXPECT_THAT(message, testing::HasSubstr("free some space"));
  EXPECT_EQ(read_file(folder / "record"), "old");
  EXPECT_THAT(names(), testing::ElementsAre("record"));
}

// The last step, the rename, fails where a folder stands in the file's place.
TEST_F(Files, ARenameThatFailsLeavesNoPart) {
  fs::create_directories(folder / "record" / "full");
  EXPECT_THROW(write_file_atomically(folder / "record", "x"), UserError);
  EXPECT_THAT(names(), testing::ElementsAre("record"));
  EXPECT_TRUE(fs::is_directory(folder / "record" / "full"));
}

TEST_F(Files, HomeMustHoldStudies) {
  const Variable home("POSBENCH_HOME", folder.string());
  EXPECT_THAT(
      message_of<UserError>([] { home_folder(); }),
      testing::AllOf(testing::HasSubstr(folder.string()), testing::HasSubstr("POSBENCH_HOME")));
  fs::create_directories(folder / "bench" / "studies");
  EXPECT_EQ(home_folder(), folder);
}

TEST_F(Files, HomeIsTheSourceTreeByDefault) {
  const Variable home("POSBENCH_HOME", std::nullopt);
  EXPECT_TRUE(fs::exists(home_folder() / "CMakeLists.txt"));
}

TEST(DataFolder, IsTheFirstOfThreeChoices) {
  const Variable data("POSBENCH_DATA", "/d");
  const Variable cache("XDG_CACHE_HOME", "/c");
  const Variable user("HOME", "/h");
  EXPECT_EQ(data_folder(), "/d");
  const Variable no_data("POSBENCH_DATA", std::nullopt);
  EXPECT_EQ(data_folder(), "/c/posbench");
  const Variable no_cache("XDG_CACHE_HOME", std::nullopt);
  EXPECT_EQ(data_folder(), "/h/.cache/posbench");
}

}  // namespace
}  // namespace posbench
