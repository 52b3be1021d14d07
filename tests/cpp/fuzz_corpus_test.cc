// Every reader of files has seeds for its fuzzer, and none of them is more than refused.
#include <set>

#include "dataset/subword_tokenizer.h"
#include "dataset_helpers.h"

namespace posbench {
namespace {

TEST(FuzzCorpus, HasAFolderForEveryReader) {
  const std::filesystem::path corpus =
      std::filesystem::path(GOLDEN_DIR).parent_path() / "fuzz/corpus";
  std::set<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    folders.insert(entry.path().filename());
  }
  for (const ReaderAbout& reader : readers()) {
    if (reader.name.starts_with("order_")) continue;  // generated
    EXPECT_EQ(folders.erase(reader.name), 1u) << reader.name << " has no seeds in " << corpus;
    std::size_t read = 0;
    for (const auto& seed : std::filesystem::directory_iterator(corpus / reader.name)) {
      try {
        read += read_files(reader.name, {seed.path()}).examples.size();
      } catch (const UserError&) {
        // A seed may be broken on purpose.
      }
    }
    EXPECT_GT(read, 0u) << reader.name << ": no seed of it is read";
  }
  EXPECT_EQ(folders, std::set<std::string>{"vocabulary"});
}

}  // namespace
}  // namespace posbench
