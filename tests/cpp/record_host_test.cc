#include "record/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "base/sha256.h"
#include "json_printing.h"
#include "record/version.h"

namespace posbench {
namespace {
using nlohmann::json;

TEST(Host, DescribesMachineAndBuild) {
  const json host = describe_host();
  for (const char* key : {"cpu_model", "isa_available", "os", "kernel", "governor", "thp",
                          "compiler", "flags", "commit"}) {
    ASSERT_TRUE(host.contains(key)) << key;
    EXPECT_FALSE(host.at(key).get<std::string>().empty()) << key;
  }
  for (const char* key : {"cores", "numa_nodes", "memory_bytes"}) EXPECT_GT(host.at(key), 0) << key;
  for (const char* key : {"l1d_bytes", "l2_bytes", "l3_bytes"}) EXPECT_GE(host.at(key), 0) << key;
  EXPECT_THAT(std::string(host.at("libraries").at("onednn")), testing::MatchesRegex("[0-9.]+"));
}

TEST(Host, IdIsADigestOfTheRest) {
  json host = describe_host();
  EXPECT_EQ(describe_host(), host);
  const std::string id = host.at("id");
  EXPECT_THAT(id, testing::MatchesRegex("[0-9a-f]{12}"));
  host.erase("id");
  EXPECT_EQ(sha256(host.dump()).substr(0, 12), id);
}

TEST(Provenance, TellsWhereWhenAndHowMuch) {
  const Provenance provenance;
  // Some work of this process: a hundredth of a second of digests.
  std::string text = "x";
  for (int i = 0; i < 20000; ++i) text = sha256(text);
  const json told = provenance.finish();
  EXPECT_EQ(told.at("host"), describe_host().at("id"));
  const std::string time = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z";
  EXPECT_THAT(std::string(told.at("started")), testing::MatchesRegex(time));
  EXPECT_LE(told.at("started"), told.at("ended"));
  EXPECT_GT(told.at("core_seconds"), 0.0);
  EXPECT_GT(told.at("peak_rss_bytes"), 1 << 20);
  EXPECT_GE(told.at("steal_share"), 0.0);
  EXPECT_LE(told.at("steal_share"), 1.0);
  EXPECT_GE(told.at("load_1min"), 0.0);
}

TEST(Version, KnowsItsCommit) {
  EXPECT_THAT(std::string(kVersion.commit), testing::MatchesRegex("([0-9a-f]{40}|unknown)"));
  EXPECT_THAT(std::string(kVersion.version), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace posbench
