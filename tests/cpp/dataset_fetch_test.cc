// The way from a source to verified files, and every way in which that can go wrong.
#include "dataset/fetch.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/process.h"
#include "base/sha256.h"
#include "dataset/place.h"
#include "dataset_helpers.h"
#include "variable.h"

namespace posbench {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

constexpr const char* kFirst = "one/cd\n";
constexpr const char* kSecond = "two/cd\n";

class Fetch : public ScratchTest {
 protected:
  Fetch() : data_("POSBENCH_DATA", (folder / "data").string()) {
    write("mirror/tiny/c01", kFirst);
    write("mirror/tiny/c02", kSecond);
  }

  // A group of two files and a source that is a folder of this machine, packed as an archive.
  Manifest manifest(const std::string& sources, const std::string& digest) const {
    const auto file = write("tiny.toml", fmt::format(R"(
about = "two files"
task = "tagging"
reader = "word_tag"
licence = "none"
citation = "none"
[[files]]
path = "c[0-9][0-9]"
count = 2
sha256 = "{}"
{})",
                                                     digest, sources));
    return read_manifest(file.string());
  }
  Manifest tiny(const std::string& archive = "nowhere.tar") const {
    const auto url = "file://" + (folder / archive).string();
    return manifest(
        fmt::format("[[sources]]\nkind = \"archive\"\nurl = \"{}\"\nfolder = \"tiny\"\n", url),
        sha256(std::string(kFirst) + kSecond));
  }
  FetchOptions from_mirror() const {
    FetchOptions options;
    options.mirror = folder / "mirror";
    return options;
  }
  // The two as files of a folder, each with its digest.
  Manifest listed(const std::string& place, const std::string& second = sha256(kSecond)) const {
    return read_manifest(
        write("tiny.toml", fmt::format(R"(
task = "tagging"
reader = "word_tag"
[[files]]
path = "c01"
sha256 = "{}"
[[files]]
path = "more/c02"
sha256 = "{}"
[[sources]]
kind = "files"
url = "file://{}")",
                                       sha256(kFirst), second, (folder / place).string()))
            .string());
  }
  void pack(const std::string& archive) const {
    run_process(
        {"bsdtar", "-cf", (folder / archive).string(), "-C", (folder / "mirror").string(), "tiny"});
  }
  // Nothing half done may lie about where data sets are looked for.
  void expect_nothing_here() const { EXPECT_TRUE(fs::is_empty(folder / "data")); }

 private:
  Variable data_;
};

TEST_F(Fetch, FromAMirror) {
  EXPECT_EQ(fetch_dataset(tiny(), from_mirror()), folder / "data/tiny");
  EXPECT_EQ(verified_files(tiny(), folder / "data/tiny").size(), 2);
  EXPECT_FALSE(fs::exists(folder / "data/tiny.part"));
}

TEST_F(Fetch, FromAnArchiveBehindAUrl) {
  if (!has_program("curl") || !has_program("bsdtar")) GTEST_SKIP() << "no curl or no bsdtar here";
  pack("tiny.tar");
  EXPECT_EQ(fetch_dataset(tiny("tiny.tar"), {}), folder / "data/tiny");
  EXPECT_EQ(verified_files(tiny(), folder / "data/tiny").size(), 2);
}

TEST_F(Fetch, GoesOnWithABrokenDownload) {
  if (!has_program("curl") || !has_program("bsdtar")) GTEST_SKIP() << "no curl or no bsdtar here";
  pack("tiny.tar");
  const auto part = folder / "data/tiny.part/downloads/tiny.tar";
  fs::create_directories(part.parent_path());
  fs::copy_file(folder / "tiny.tar", part);
  fs::resize_file(part, fs::file_size(part) / 2);
  EXPECT_EQ(fetch_dataset(tiny("tiny.tar"), {}), folder / "data/tiny");
}

TEST_F(Fetch, KeepsWhatIsRight) {
  fetch_dataset(tiny(), from_mirror());
  fs::remove_all(folder / "mirror");
  std::string said;
  FetchOptions options;
  options.say = [&](const std::string& line) { said += line; };
  fetch_dataset(tiny(), options);
  EXPECT_THAT(said, HasSubstr("here already, verified"));
}

TEST_F(Fetch, ReplacesWhatIsBroken) {
  fetch_dataset(tiny(), from_mirror());
  write("data/tiny/c01", "changed/vbn\n");
  fetch_dataset(tiny(), from_mirror());
  EXPECT_EQ(verified_files(tiny(), folder / "data/tiny").size(), 2);
}

TEST_F(Fetch, RefusesAMirrorWithOtherBytes) {
  write("mirror/tiny/c02", "too/qlp\n");
  EXPECT_THAT(message_of<UserError>([&] { fetch_dataset(tiny(), from_mirror()); }),
              AllOf(HasSubstr("could not fetch tiny"), HasSubstr("wrong SHA-256"),
                    HasSubstr("nowhere.tar")));
  expect_nothing_here();
}

TEST_F(Fetch, RefusesAnArchiveWithOtherBytesBeforeUnpackingIt) {
  if (!has_program("curl")) GTEST_SKIP() << "no curl here";
  write("tiny.tar", "not the archive that was promised");
  const auto sources = fmt::format(
      "[[sources]]\nkind = \"archive\"\nurl = \"file://{}\"\nfolder = \"tiny\"\nsha256 = \"{}\"\n",
      (folder / "tiny.tar").string(), sha256("the promised one"));
  const auto message =
      message_of<UserError>([&] { fetch_dataset(manifest(sources, sha256("x")), {}); });
  EXPECT_THAT(message, AllOf(HasSubstr("tiny.tar has the wrong SHA-256"),
                             HasSubstr("expected " + sha256("the promised one"))));
  expect_nothing_here();
  EXPECT_FALSE(fs::exists(folder / "data/tiny.part/downloads/tiny.tar")) << "must not be resumed";
}

TEST_F(Fetch, NamesEveryWayThatFailed) {
  if (!has_program("curl")) GTEST_SKIP() << "no curl here";
  const auto message = message_of<UserError>([&] { fetch_dataset(tiny(), {}); });
  EXPECT_THAT(message, AllOf(HasSubstr("could not fetch tiny:\n  archive file://"),
                             HasSubstr("curl ended with 37\n    curl: (37)")));
  expect_nothing_here();
}

TEST_F(Fetch, SaysWhereItCannotWrite) {
  write("data", "a file where the folder should be");
  EXPECT_THAT(message_of<UserError>([&] { fetch_dataset(tiny(), from_mirror()); }),
              AllOf(HasSubstr((folder / "data/tiny.part").string()), HasSubstr("POSBENCH_DATA")));
}

TEST_F(Fetch, MissingDataEndsWithTheCommandThatFetchesIt) {
  EXPECT_THAT(message_of<MissingData>([&] { dataset_folder(tiny()); }),
              EndsWith("posbench data fetch " + tiny().given));
  fetch_dataset(tiny(), from_mirror());
  fs::remove(folder / "data/tiny/c02");
  EXPECT_THAT(
      message_of<MissingData>([&] { dataset_files(tiny(), folder / "data/tiny"); }),
      AllOf(HasSubstr("holds 1 of the 2 files"), EndsWith("posbench data fetch " + tiny().given)));
}

TEST_F(Fetch, AWrongFileIsNamedWithBothDigests) {
  const auto file = write("single/words.txt", "some words\n");
  Manifest single = tiny();
  single.files = {{"words.txt", 1, std::string(64, '0')}};
  EXPECT_THAT(
      message_of<UserError>([&] { verified_files(single, folder / "single"); }),
      AllOf(HasSubstr(file.string() + " has the wrong SHA-256"),
            HasSubstr("expected " + single.files[0].sha256),
            HasSubstr("found " + sha256("some words\n")), EndsWith("data fetch " + single.given)));
}

TEST_F(Fetch, FilesByNameInFolders) {
  if (!has_program("curl")) GTEST_SKIP() << "no curl here";
  write("site/c01", kFirst);
  write("site/more/c02", kSecond);
  std::string said;
  FetchOptions options;
  options.say = [&](const std::string& line) { said += line + "\n"; };
  EXPECT_EQ(fetch_dataset(listed("site"), options), folder / "data/tiny");
  EXPECT_EQ(read_file(folder / "data/tiny/more/c02"), kSecond);
  EXPECT_THAT(said, HasSubstr("more/c02 (2 of 2)"));
  EXPECT_FALSE(fs::exists(folder / "data/tiny.part"));
}

TEST_F(Fetch, AFileThatIsMissingKeepsTheOthersForTheNextTime) {
  if (!has_program("curl")) GTEST_SKIP() << "no curl here";
  write("site/c01", kFirst);
  message_of<UserError>([&] { fetch_dataset(listed("site"), {}); });
  EXPECT_FALSE(fs::exists(folder / "data/tiny"));
  fs::remove(folder / "site/c01");
  write("site/more/c02", kSecond);
  EXPECT_EQ(fetch_dataset(listed("site"), {}), folder / "data/tiny");
}

TEST_F(Fetch, AFileWithOtherBytesIsNotKept) {
  if (!has_program("curl")) GTEST_SKIP() << "no curl here";
  write("site/c01", kFirst);
  write("site/more/c02", "changed upstream\n");
  EXPECT_THAT(
      message_of<UserError>([&] { fetch_dataset(listed("site"), {}); }),
      AllOf(HasSubstr("more/c02 has the wrong SHA-256"), HasSubstr("expected " + sha256(kSecond)),
            HasSubstr("found " + sha256("changed upstream\n"))));
  EXPECT_FALSE(fs::exists(folder / "data/tiny.part/downloads/more/c02"));
  EXPECT_FALSE(fs::exists(folder / "data/tiny"));
}

TEST_F(Fetch, ABeginningThatDoesNotFitIsDroppedAndFetchedAnew) {
  if (!has_program("curl")) GTEST_SKIP() << "no curl here";
  write("site/c01", kFirst);
  write("site/more/c02", kSecond);
  for (const auto* beginning : {"tw", "xx", "longer than the whole file is"}) {
    fs::remove_all(folder / "data");
    write("data/tiny.part/downloads/more/c02", beginning);
    EXPECT_EQ(fetch_dataset(listed("site"), {}), folder / "data/tiny") << beginning;
  }
}

TEST_F(Fetch, FoldersInsideTheDataSet) {
  write("mirror/tiny/en/a1", kFirst);
  write("mirror/tiny/en/a2", kSecond);
  const auto file =
      write("tiny.toml", fmt::format(R"(
task = "tagging"
reader = "word_tag"
[[files]]
path = "en/a[0-9]"
count = 2
sha256 = "{}"
[[sources]]
kind = "archive"
url = "file://{}/tiny.tar"
folder = "ti*/en/..")",
                                     sha256(std::string(kFirst) + kSecond), folder.string()));
  EXPECT_THAT(message_of<UserError>([&] { read_manifest(file.string()); }),
              HasSubstr("'folder' must be a path inside the folder"));
  std::string text = read_file(file);
  text.replace(text.find("/en/.."), 6, "");
  write("tiny.toml", text);
  const Manifest manifest = read_manifest(file.string());
  fetch_dataset(manifest, from_mirror());
  EXPECT_EQ(read_file(folder / "data/tiny/en/a2"), kSecond);
  if (!has_program("curl") || !has_program("bsdtar")) GTEST_SKIP() << "no curl or no bsdtar here";
  fs::remove_all(folder / "data");
  pack("tiny.tar");
  fetch_dataset(manifest, {});
  EXPECT_EQ(read_file(folder / "data/tiny/en/a1"), kFirst);
}

TEST_F(Fetch, AMirrorMayHaveAnotherName) {
  Manifest named = tiny();
  named.mirror = "other";
  fs::rename(folder / "mirror/tiny", folder / "mirror/other");
  EXPECT_EQ(fetch_dataset(named, from_mirror()), folder / "data/tiny");
}

TEST_F(Fetch, WithoutASourceAMirrorIsTheWay) {
  Manifest sourceless = tiny();
  sourceless.sources.clear();
  sourceless.given = "tiny";
  EXPECT_THAT(message_of<MissingData>([&] { dataset_folder(sourceless); }),
              EndsWith("posbench data fetch tiny --mirror DIR"));
  EXPECT_THAT(message_of<UserError>([&] { fetch_dataset(sourceless, {}); }),
              HasSubstr("no public address is known"));
  expect_nothing_here();
}

TEST_F(Fetch, AGroupWithAFileTooFewOrTooManyIsRefused) {
  write("mirror/tiny/c03", "three/cd\n");
  EXPECT_THAT(message_of<UserError>([&] { fetch_dataset(tiny(), from_mirror()); }),
              HasSubstr("holds 3 of the 2 files c[0-9][0-9]"));
  fs::remove(folder / "mirror/tiny/c03");
  fs::remove(folder / "mirror/tiny/c02");
  EXPECT_THAT(message_of<UserError>([&] { fetch_dataset(tiny(), from_mirror()); }),
              HasSubstr("holds 1 of the 2 files c[0-9][0-9]"));
  expect_nothing_here();
}

// The digests of the manifests against the real bytes.
class RealFiles : public Fetch, public testing::WithParamInterface<const char*> {};

TEST_P(RealFiles, OfAMirrorAreTheOnesExpected) {
  const char* mirror = std::getenv("POSBENCH_TEST_DATA");
  if (mirror == nullptr) GTEST_SKIP() << "POSBENCH_TEST_DATA names no mirror";
  const Manifest manifest = read_manifest(GetParam());
  if (!fs::exists(fs::path(mirror) / manifest.mirror)) {
    GTEST_SKIP() << mirror << " holds no " << manifest.mirror;
  }
  FetchOptions options;
  options.mirror = mirror;
  EXPECT_EQ(fetch_dataset(manifest, options), folder / "data" / GetParam());
}

INSTANTIATE_TEST_SUITE_P(Mirrored, RealFiles,
                         testing::Values("sst2", "conll2000_chunk", "babi", "squad_v1",
                                         "squad_v1_dev_recovered", "ud_english_ewt"),
                         [](const auto& each) { return std::string(each.param); });

TEST(RealData, TheCheapDigestIsTheOneOfTheLoadedData) {
  LOAD_OR_SKIP(data, "wordnet_gloss");
  EXPECT_EQ(data.digest, dataset_digest("wordnet_gloss"));
  EXPECT_EQ(data.tasks, std::vector<std::string>{"classification"});
  EXPECT_FALSE(data.citation.empty());
}

}  // namespace
}  // namespace posbench
