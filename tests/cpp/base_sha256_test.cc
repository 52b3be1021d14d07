// The examples of FIPS 180-2, appendix B, and of NIST's test vectors.
#include "base/sha256.h"

#include "dataset_helpers.h"

namespace posbench {
namespace {

TEST(Sha256, KnowsTheVectorsOfNist) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(sha256(std::string(1, '\xbd')),
            "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
}

TEST(Sha256, PiecesAreTheWhole) {
  const std::string text(100'000, 'q');
  for (const std::size_t cut : {0, 1, 63, 64, 65, 99'999}) {
    Sha256 digest;
    digest.update(text.substr(0, cut));
    digest.update(text.substr(cut));
    EXPECT_EQ(digest.hex(), sha256(text));
  }
}

class Sha256OfFile : public ScratchTest {};

TEST_F(Sha256OfFile, IsThatOfItsBytes) {
  for (const std::size_t size : {0, 5, 65'535, 65'536, 65'537, 200'000}) {
    const std::string bytes(size, '\0');
    EXPECT_EQ(sha256_of_file(write("file", bytes)), sha256(bytes)) << size;
  }
  EXPECT_THAT(message_of<UserError>([&] { sha256_of_file(folder / "missing"); }),
              testing::HasSubstr((folder / "missing").string()));
}

}  // namespace
}  // namespace posbench
