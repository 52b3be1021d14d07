// The machine as hwloc sees it: this one, and made-up ones.
#include "kernel/topology.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <thread>

#include "variable.h"

namespace posbench {
namespace {

// A process asks once, so each machine gets a process of its own.
[[noreturn]] void tell() {
  const CacheSizes caches = cache_sizes();
  fmt::print(stderr, "cores {}, nodes {}, caches {} {} {};", usable_cores(), numa_nodes(),
             caches.l1d_bytes >> 10, caches.l2_bytes >> 10, caches.l3_bytes >> 10);
  std::exit(0);
}

class TopologyOf : public testing::Test {
 protected:
  TopologyOf() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  static void expect(const std::string& synthetic, const std::string& told) {
    const Variable machine("HWLOC_SYNTHETIC", synthetic);
    EXPECT_EXIT(tell(), testing::ExitedWithCode(0), testing::HasSubstr(told));
  }
};

TEST_F(TopologyOf, TwoSocketsOfWhichOneCoreSeesOneCache) {
  expect("pack:2 [numa] l3:2(size=33554432) core:4 l2:1(size=2097152) l1d:1(size=49152) pu:2",
         "cores 16, nodes 2, caches 48 2048 32768;");
}

TEST_F(TopologyOf, OneCoreWithoutAThirdLevel) {
  expect("core:1 l2:1(size=524288) l1d:1(size=32768) pu:1",
         "cores 1, nodes 1, caches 32 512 32768;");
}

TEST_F(TopologyOf, NothingButProcessors) {
  expect("pu:3", "cores 3, nodes 1, caches 32 1024 32768;");
}

TEST_F(TopologyOf, AProcessConfinedToOneProcessor) {
  EXPECT_EXIT(
      {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        sched_setaffinity(0, sizeof(one), &one);
        tell();
      },
      testing::ExitedWithCode(0), testing::HasSubstr("cores 1, nodes 1,"));
}

TEST(Topology, ThisMachineIsPlausible) {
  const CacheSizes caches = cache_sizes();
  EXPECT_GE(caches.l1d_bytes, std::size_t{4} << 10);
  EXPECT_GT(caches.l2_bytes, caches.l1d_bytes);
  EXPECT_GT(caches.l3_bytes, caches.l1d_bytes);
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), static_cast<int>(std::thread::hardware_concurrency()));
  EXPECT_GE(numa_nodes(), 1);
  EXPECT_GE(current_core(), 0);
  EXPECT_LT(current_core(), usable_cores());
}

TEST(Topology, APinnedThreadIsWhereItWasPut) {
  cpu_set_t before, during, after;
  sched_getaffinity(0, sizeof(before), &before);
  for (int core = 0; core < usable_cores(); ++core) {
    const PinnedThread pinned(core);
    EXPECT_EQ(current_core(), core);
    sched_getaffinity(0, sizeof(during), &during);
    EXPECT_EQ(CPU_COUNT(&during), 1);
  }
  sched_getaffinity(0, sizeof(after), &after);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

}  // namespace
}  // namespace posbench
