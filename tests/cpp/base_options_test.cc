#include "base/options.h"

#include "dataset_helpers.h"

namespace posbench {
namespace {

namespace po = boost::program_options;
using testing::HasSubstr;

po::variables_map parse(const std::vector<std::string>& arguments) {
  po::options_description flags;
  flags.add_options()("help,h", "this text")("profile", po::value<std::string>(), "which one")(
      "jobs", po::value<int>(), "how many at once");
  flags.add_options()("study", po::value<std::string>(), "");
  po::positional_options_description positions;
  positions.add("study", 1);
  return parse_options(arguments, flags, positions);
}

std::string complaint(const std::vector<std::string>& arguments) {
  return message_of<UserError>([&] { parse(arguments); });
}

TEST(Options, ReadsFlagsAndPositions) {
  const auto values = parse({"parity", "--profile", "quick", "--jobs=2"});
  EXPECT_EQ(values["study"].as<std::string>(), "parity");
  EXPECT_EQ(values["profile"].as<std::string>(), "quick");
  EXPECT_EQ(values["jobs"].as<int>(), 2);
}

TEST(Options, NamesAnUnknownFlagAndTheNearest) {
  EXPECT_EQ(complaint({"--profil", "quick"}),
            "unknown flag '--profil'; did you mean '--profile'? Known: --help, --profile, --jobs");
  EXPECT_THAT(complaint({"--jbos=3"}), HasSubstr("'--jbos'; did you mean '--jobs'?"));
}

TEST(Options, NamesAMissingOrWrongValue) {
  EXPECT_THAT(complaint({"--profile"}), HasSubstr("'--profile'"));
  EXPECT_THAT(complaint({"--jobs", "many"}), HasSubstr("many"));
}

TEST(Options, NamesAWordTooMany) {
  EXPECT_EQ(complaint({"parity", "cost"}), "'cost' is one word too many; see --help");
}

}  // namespace
}  // namespace posbench
