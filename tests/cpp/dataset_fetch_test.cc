// Manifests, the way from a source to verified files, and every way in which that can go wrong.
#include "dataset/fetch.h"

#include <fmt/format.h>

#include "base/process.h"
#include "base/sha256.h"
#include "dataset/place.h"
#include "dataset_helpers.h"

namespace posbench {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

/// Sets an environment variable and puts the old value back.
class Environment {
 public:
  Environment(std::string name, const std::string& value) : name_(std::move(name)) {
    if (const char* old = std::getenv(name_.c_str())) old_ = old;
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    old_.empty() ? unsetenv(name_.c_str()) : setenv(name_.c_str(), old_.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::string name_;
  std::string old_;
};

constexpr const char* kFirst = "one/cd\n";
constexpr const char* kSecond = "two/cd\n";

class Fetch : public ScratchTest {
 protected:
  Fetch() : environment_("POSBENCH_DATA", (folder / "data").string()) {
    write("mirror/tiny/c01", kFirst);
    write("mirror/tiny/c02", kSecond);
  }

  // A group of two files and a source that is a folder of this machine, packed as an archive.
  Manifest manifest(const std::string& sources, const std::string& digest) const {
    const auto file = write("tiny.toml", fmt::format(R"(
about = "two files"
task = "tagging"
reader = "brown_pos"
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
        fmt::format("[[sources]]\nkind = \"url\"\nurl = \"{}\"\nfolder = \"tiny\"\n", url),
        sha256(std::string(kFirst) + kSecond));
  }
  FetchOptions from_mirror() const {
    FetchOptions options;
    options.mirror = folder / "mirror";
    return options;
  }
  void pack(const std::string& archive) const {
    run_process(
        {"bsdtar", "-cf", (folder / archive).string(), "-C", (folder / "mirror").string(), "tiny"});
  }
  // Nothing half done may lie about where data sets are looked for.
  void expect_nothing_here() const { EXPECT_TRUE(fs::is_empty(folder / "data")); }

 private:
  Environment environment_;
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
  const auto wrong = write("mirror/tiny/c02", "too/qlp\n");
  EXPECT_THAT(message_of<UserError>([&] { fetch_dataset(tiny(), from_mirror()); }),
              AllOf(HasSubstr("could not fetch tiny"), HasSubstr("wrong SHA-256"),
                    HasSubstr("nowhere.tar")));
  expect_nothing_here();
}

TEST_F(Fetch, RefusesAnArchiveWithOtherBytesBeforeUnpackingIt) {
  if (!has_program("curl")) GTEST_SKIP() << "no curl here";
  write("tiny.tar", "not the archive that was promised");
  const auto sources = fmt::format(
      "[[sources]]\nkind = \"url\"\nurl = \"file://{}\"\nfolder = \"tiny\"\nsha256 = \"{}\"\n",
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
  EXPECT_THAT(message, AllOf(HasSubstr("could not fetch tiny:\n  url file://"),
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
              EndsWith("posbench data fetch tiny"));
  fetch_dataset(tiny(), from_mirror());
  fs::remove(folder / "data/tiny/c02");
  EXPECT_THAT(message_of<MissingData>([&] { dataset_files(tiny(), folder / "data/tiny"); }),
              AllOf(HasSubstr("holds 1 of the 2 files"), EndsWith("posbench data fetch tiny")));
}

TEST_F(Fetch, AWrongFileIsNamedWithBothDigests) {
  const auto file = write("single/words.txt", "some words\n");
  Manifest single = tiny();
  single.files = {{"words.txt", 1, std::string(64, '0')}};
  EXPECT_THAT(message_of<UserError>([&] { verified_files(single, folder / "single"); }),
              AllOf(HasSubstr(file.string() + " has the wrong SHA-256"),
                    HasSubstr("expected " + single.files[0].sha256),
                    HasSubstr("found " + sha256("some words\n")), EndsWith("data fetch tiny")));
}

TEST_F(Fetch, ABrokenManifestIsNamedWithItsPlace) {
  const auto broken = [&](const std::string& text) {
    const auto file = write("broken.toml", text);
    return message_of<UserError>([&] { read_manifest(file.string()); });
  };
  EXPECT_THAT(broken("about = \"x\"\ntask = = 3\n"), HasSubstr("broken.toml:2: "));
  EXPECT_THAT(broken("abuot = \"x\"\n"),
              HasSubstr("broken.toml: unknown key 'abuot'; did you mean 'about'?"));
  EXPECT_THAT(broken("about = \"x\"\ntask = \"taging\"\n"),
              HasSubstr("unknown task 'taging'; did you mean 'tagging'?"));
  EXPECT_THAT(broken("about = 3\n"), HasSubstr("'about' must be a string"));
  EXPECT_THAT(message_of<UserError>([&] { manifest("", "abc"); }),
              HasSubstr("'sha256' must be 64 lower-case hexadecimal digits"));
  EXPECT_THAT(message_of<UserError>([&] { manifest("", sha256("x")); }),
              HasSubstr("'sources' must be one [[sources]] table or more"));
}

TEST(Manifests, AllOfTheTreeCanBeRead) {
  for (const auto& name : list_manifests()) {
    const Manifest manifest = read_manifest(name);
    EXPECT_EQ(manifest.name, name);
    EXPECT_NE(find_reader(manifest.reader), nullptr);
  }
}

TEST(Manifests, AMistypedNameIsCorrected) {
  EXPECT_THAT(message_of<UserError>([] { load_dataset("brown_poss"); }),
              HasSubstr("unknown data set 'brown_poss'; did you mean 'brown_pos'?"));
}

TEST(RealData, TheCheapDigestIsTheOneOfTheLoadedData) {
  LOAD_OR_SKIP(data, "wordnet_gloss");
  EXPECT_EQ(data.digest, dataset_digest("wordnet_gloss"));
  EXPECT_EQ(data.task, "classification");
  EXPECT_FALSE(data.citation.empty());
}

}  // namespace
}  // namespace posbench
