// Manifests: the shipped ones, a user's own, and what is wrong with broken ones.
#include "dataset/manifest.h"

#include <fmt/format.h>

#include <set>

#include "base/files.h"
#include "base/sha256.h"
#include "dataset/place.h"
#include "dataset_helpers.h"
#include "variable.h"

namespace posbench {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

TEST(Manifests, OfTheTreeAreReadAndFitTheirReaders) {
  const std::set<std::string> known = {"tagging", "classification", "span_qa", "masked_lm",
                                       "causal_lm"};
  for (const auto& name : list_manifests()) {
    SCOPED_TRACE(name);
    const Manifest manifest = read_manifest(name);
    EXPECT_EQ(manifest.name, name);
    for (const auto& task : manifest.tasks) EXPECT_TRUE(known.contains(task)) << task;
    bool found = false;
    for (const auto& reader : readers()) {
      if (reader.name != manifest.reader) continue;
      found = true;
      EXPECT_NO_THROW(ReaderOptions(reader, manifest.options, manifest.encoding));
    }
    EXPECT_TRUE(found) << "no reader " << manifest.reader;
  }
}

TEST(Manifests, OfTheTreeHaveDigestsOfTheirOwn) {
  std::set<std::string> digests;
  for (const auto& name : list_manifests()) digests.insert(read_manifest(name).digest());
  EXPECT_EQ(digests.size(), list_manifests().size());
}

// What records of the past call it. A change here makes every one of them a record of other data.
TEST(Manifests, ADigestIsTheSameForever) {
  EXPECT_EQ(read_manifest("wordnet_gloss").digest(),
            "09058604ff203e29088342653dc8085eb7240e61cf4ce8517eef2ec16b7fc5e2");
}

TEST(Manifests, ShareFilesWithoutRepeatingThem) {
  const Manifest brown = read_manifest("brown_pos"), genre = read_manifest("brown_genre");
  EXPECT_EQ(genre.place, "brown_pos");
  ASSERT_EQ(genre.files.size(), brown.files.size());
  EXPECT_EQ(genre.sources.size(), brown.sources.size());
  const auto reads = [](const Manifest& manifest) {
    std::vector<std::string> paths;
    for (const auto& file : manifest.files) {
      if (manifest.reads(file)) paths.push_back(file.path);
    }
    return paths;
  };
  EXPECT_THAT(reads(brown), ElementsAre("c[a-r][0-9][0-9]"));
  EXPECT_THAT(reads(genre), ElementsAre("c[a-r][0-9][0-9]", "cats.txt"));
}

TEST(Manifests, AMistypedNameIsCorrected) {
  EXPECT_THAT(message_of<UserError>([] { load_dataset("brown_poss"); }),
              HasSubstr("unknown data set 'brown_poss'; did you mean 'brown_pos'?"));
}

constexpr const char* kMine = R"(task = "tagging"
reader = "word_tag"
[[files]]
path = "train.txt"
side = "train"
[[files]]
path = "held out/test.txt"
side = "test"
)";

class Own : public ScratchTest {
 protected:
  Own() : data_("POSBENCH_DATA", (folder / "data").string()) {
    write("mine/mine.toml", kMine);
    write("mine/train.txt", "a/at b/nn\nb/vb\n");
    write("mine/held out/test.txt", "b/vb a/nn\n");
  }
  std::string mine() const { return (folder / "mine/mine.toml").string(); }
  std::string broken(const std::string& text) const {
    write("mine/mine.toml", text);
    return message_of<UserError>([&] { read_manifest(mine()); });
  }
  // The six lines with one piece replaced by another.
  std::string broken(const std::string& piece, const std::string& by) const {
    std::string text = kMine;
    text.replace(text.find(piece), piece.size(), by);
    return broken(text);
  }

 private:
  Variable data_;
};

TEST_F(Own, LiesBesideItsManifest) {
  const Dataset data = load_dataset(mine());
  EXPECT_EQ(data.name, "mine");
  EXPECT_THAT(data.tasks, ElementsAre("tagging"));
  EXPECT_THAT(data.labels, ElementsAre("at", "nn", "vb"));
  EXPECT_THAT(data.sides, ElementsAre(Side::train, Side::test));
  EXPECT_THAT(data.examples.at(2).labels, ElementsAre(2, 1)) << "labels of both sides, by name";
  EXPECT_EQ(data.licence, "not stated");
}

TEST_F(Own, IsFoundFromItsOwnFolder) {
  const fs::path before = fs::current_path();
  fs::current_path(folder / "mine");
  const std::string name = load_dataset("mine.toml").name;
  const std::string from_inside = dataset_digest("./mine.toml");
  fs::current_path(before);
  EXPECT_EQ(name, "mine");
  EXPECT_EQ(from_inside, dataset_digest(mine())) << "of the bytes, not of the place";
}

TEST_F(Own, DigestChangesWithWhatIsRead) {
  std::set<std::string> digests = {dataset_digest(mine())};
  write("mine/train.txt", "a/at b/nn\nb/vbd\n");
  digests.insert(dataset_digest(mine()));
  for (const auto* more : {"unit = \"example\"\n", "encoding = \"iso-8859-1\"\n",
                           "options.lower_case_tags = true\n"}) {
    write("mine/mine.toml", std::string(more) + kMine);
    digests.insert(dataset_digest(mine()));
  }
  std::string swapped = kMine;
  swapped.replace(swapped.find("\"train\""), 7, "\"dev\"");
  write("mine/mine.toml", swapped);
  digests.insert(dataset_digest(mine()));
  std::string read_otherwise = kMine;
  read_otherwise.replace(read_otherwise.find("word_tag"), 8, "label_text");
  write("mine/mine.toml", read_otherwise);
  digests.insert(dataset_digest(mine()));
  EXPECT_EQ(digests.size(), 7);
  write("mine/mine.toml", std::string("about = \"told otherwise\"\n") + kMine);
  EXPECT_TRUE(digests.contains(dataset_digest(mine()))) << "talk about it is no part of it";
}

TEST_F(Own, MissingFilesAreNamedWithTheirPlace) {
  fs::remove(folder / "mine/train.txt");
  EXPECT_THAT(message_of<MissingData>([&] { load_dataset(mine()); }),
              AllOf(HasSubstr((folder / "mine/train.txt").string() + " is missing"),
                    EndsWith("put it there, beside " + mine())));
  EXPECT_THAT(message_of<UserError>([&] { load_dataset((folder / "no.toml").string()); }),
              HasSubstr((folder / "no.toml").string()));
}

TEST_F(Own, ADigestThatItStatesIsHeld) {
  const std::string stated = fmt::format("path = \"train.txt\"\nsha256 = \"{}\"", sha256("other"));
  std::string text = kMine;
  text.replace(text.find("path = \"train.txt\""), 18, stated);
  write("mine/mine.toml", text);
  EXPECT_THAT(message_of<UserError>([&] { load_dataset(mine()); }),
              AllOf(HasSubstr("train.txt has the wrong SHA-256"),
                    EndsWith("correct " + mine() + " if the new bytes are right")));
}

TEST_F(Own, TheExampleOfTheTreeCanBeRead) {
  const Dataset data = load_dataset((home_folder() / "datasets/example/fruit.toml").string());
  EXPECT_EQ(data.examples.size(), 13);
  EXPECT_EQ(data.documents.size(), 13) << "unit = example";
}

TEST_F(Own, FilesOfADataSetOfTheTree) {
  write("mine/mine.toml", "task = \"tagging\"\nreader = \"word_tag\"\nfiles_of = \"brown_pos\"\n");
  const Manifest manifest = read_manifest(mine());
  EXPECT_EQ(manifest.place, "brown_pos");
  EXPECT_NE(manifest.digest(), read_manifest("brown_pos").digest());
  EXPECT_THAT(message_of<MissingData>([&] { dataset_folder(manifest); }),
              EndsWith("posbench data fetch " + mine()));
  const std::string start = "task = \"tagging\"\nreader = \"word_tag\"\n";
  EXPECT_THAT(broken(start + "files_of = \"brown\"\n"), HasSubstr("unknown files_of 'brown'"));
  EXPECT_THAT(broken(start + "files_of = \"brown_pos\"\nmirror = \"x\"\n"),
              HasSubstr("'mirror' must be left out beside 'files_of'"));
  EXPECT_THAT(broken(start + "files_of = \"brown_genre\"\n"),
              AllOf(HasSubstr("brown_genre.toml"), HasSubstr("'files' must be")));
}

TEST_F(Own, WhatIsWrongIsNamedWithFileAndKey) {
  const std::string place = "mine.toml: ", files = "mine.toml [[files]]: ";
  EXPECT_THAT(broken("task = = 3\n"), HasSubstr("mine.toml:1: "));
  EXPECT_THAT(broken("task = \"tagging\"\ndate = 2024-01-01\n"),
              HasSubstr("mine.toml:2: dates have no place here"));
  EXPECT_THAT(broken("reader", "raeder"),
              HasSubstr(place + "unknown key 'raeder'; did you mean 'reader'?"));
  EXPECT_THAT(broken("reader = \"word_tag\"\n", ""),
              HasSubstr(place + "'reader' must be a string"));
  EXPECT_THAT(broken("\"tagging\"", "3"), HasSubstr(place + "'task' must be a string"));
  EXPECT_THAT(broken("\"tagging\"", "[\"tagging\", 3]"),
              HasSubstr(place + "'task' must be a string or a list of strings"));
  EXPECT_THAT(broken("\"word_tag\"", "\"\""), HasSubstr(place + "'reader' must be a string"));
  EXPECT_THAT(broken("\"word_tag\"", "\"word_tag\"\nunit = \"line\""),
              HasSubstr("unknown unit 'line'"));
  EXPECT_THAT(broken("\"word_tag\"", "\"word_tag\"\noptions = 3"),
              HasSubstr(place + "'options' must be a table"));
  EXPECT_THAT(broken("\"word_tag\"", "\"word_tag\"\nencoding = \"ebcdic\""), HasSubstr("ebcdic"));
  EXPECT_THAT(broken("task = \"tagging\"\nreader = \"word_tag\"\nfiles = 3\n"),
              HasSubstr(place + "'files' must be one [[files]] table or more"));
  EXPECT_THAT(broken("\"train\"", "\"trian\""),
              HasSubstr(files + "unknown side 'trian'; did you mean 'train'?"));
  EXPECT_THAT(broken("side", "sied"), HasSubstr(files + "unknown key 'sied'"));
  EXPECT_THAT(broken("\"train.txt\"", "\"train.txt\"\ncount = 0"),
              HasSubstr(files + "'count' must be a number above 0"));
  EXPECT_THAT(broken("\"train.txt\"", "\"train.txt\"\ncount = 1.5"),
              HasSubstr(files + "'count' must be a number above 0"));
  EXPECT_THAT(broken("\"train.txt\"", "\"*.txt\""),
              HasSubstr("'count' must be above 1, how many files the pattern '*.txt' matches"));
  EXPECT_THAT(broken("\"train.txt\"", "\"train.txt\"\nsha256 = \"abc\""),
              HasSubstr(files + "'sha256' must be 64 lower-case hexadecimal digits"));
}

TEST_F(Own, PathsStayInsideTheFolderAndStandThereOnce) {
  for (const auto* path : {"../train.txt", "/etc/passwd", "a/../../b"}) {
    EXPECT_THAT(broken("\"train.txt\"", fmt::format("\"{}\"", path)),
                AllOf(HasSubstr("'path' must be a path inside the folder"), HasSubstr(path)));
  }
  EXPECT_THAT(broken("held out/test.txt", "./train.txt"),
              HasSubstr("'path' must be there once, not './train.txt' again"));
}

TEST_F(Own, SourcesSayWhatTheyNeed) {
  const auto with = [&](const std::string& source) {
    return broken(
        fmt::format("task = \"tagging\"\nreader = \"word_tag\"\n[[sources]]\n{}\n"
                    "[[files]]\npath = \"a*\"\ncount = 2\nsha256 = \"{}\"\n",
                    source, sha256("x")));
  };
  EXPECT_THAT(with("kind = \"zip\""), HasSubstr("mine.toml [[sources]]: unknown kind 'zip'"));
  EXPECT_THAT(with("kind = \"archive\""), HasSubstr("'url' must be a string"));
  EXPECT_THAT(with("kind = \"npm\"\npackage = \"p\""), HasSubstr("'version' must be a string"));
  EXPECT_THAT(with("kind = \"archive\"\nurl = \"x\"\nfolder = \"..\""),
              HasSubstr("'folder' must be a path inside the folder"));
  EXPECT_THAT(with("kind = \"files\"\nurl = \"x\""),
              HasSubstr("'count' must be left out: a source of kind \"files\""));
  EXPECT_THAT(broken(std::string(kMine) + "[[sources]]\nkind = \"files\"\nurl = \"x\"\n"),
              HasSubstr("'sha256' must be a string"))
      << "what is fetched must be verified";
}

}  // namespace
}  // namespace posbench
