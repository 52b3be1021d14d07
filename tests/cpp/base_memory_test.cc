// Available memory on made-up machines: files under a folder that stands for "/".
#include "base/memory.h"

#include <limits>

#include "base/error.h"
#include "dataset_helpers.h"

namespace posbench {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

class Memory : public ScratchTest {};

TEST_F(Memory, WithoutGroupsIsWhatTheKernelSays) {
  write("proc/meminfo", "MemTotal:  4194304 kB\nMemFree:  1 kB\nMemAvailable:  2097152 kB\n");
  EXPECT_EQ(available_memory_bytes(folder), 2048 * kMiB);
  EXPECT_FALSE(memory_group(folder));
}

TEST_F(Memory, IsTheLeastOfTheGroupsAndTheKernel) {
  write("proc/meminfo", "MemAvailable:  2097152 kB\n");
  write("proc/self/cgroup", "0::/machine/trial\n");
  write("sys/fs/cgroup/machine/trial/memory.max", "max\n");
  write("sys/fs/cgroup/machine/memory.max", "1073741824\n");
  write("sys/fs/cgroup/machine/memory.current", "536870912\n");
  EXPECT_EQ(available_memory_bytes(folder), 512 * kMiB);
  EXPECT_EQ(memory_group(folder)->limit, 1024 * kMiB);
  // Pages of files that nobody has used lately are given back on demand.
  write("sys/fs/cgroup/machine/memory.stat", "anon 5\ninactive_file 268435456\n");
  EXPECT_EQ(available_memory_bytes(folder), 768 * kMiB);
  write("proc/meminfo", "MemAvailable:  1024 kB\n");
  EXPECT_EQ(available_memory_bytes(folder), kMiB);
}

TEST_F(Memory, KnowsVersionOneAndAContainersOwnMount) {
  write("proc/meminfo", "MemAvailable:  2097152 kB\n");
  write("proc/self/cgroup", "9:name=systemd:/\n4:memory:/docker/0123\n0::/\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "33554432\n");
  EXPECT_EQ(available_memory_bytes(folder), 96 * kMiB);
  write("sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes", "67108864\n");
  EXPECT_EQ(available_memory_bytes(folder), 64 * kMiB);
  write("sys/fs/cgroup/memory/docker/0123/memory.usage_in_bytes", "99999999\n");
  EXPECT_EQ(available_memory_bytes(folder), 0u);  // over its limit: nothing, not a huge number
  std::filesystem::remove_all(folder / "sys/fs/cgroup/memory/docker");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(available_memory_bytes(folder), 2048 * kMiB);
}

TEST_F(Memory, IsNoLimitWhereTheSystemTellsNothing) {
  EXPECT_EQ(available_memory_bytes(folder), std::numeric_limits<std::uint64_t>::max());
}

TEST(RequireMemory, NamesWhatIsNeededAndWhatIsThere) {
  EXPECT_NO_THROW(require_memory(1, "a trial"));
  EXPECT_THAT([] { require_memory(std::uint64_t{1} << 62, "a trial"); },
              testing::ThrowsMessage<UserError>(testing::AllOf(
                  testing::StartsWith("a trial: 4611686018427387904 bytes of memory needed "
                                      "(4294967296.0 GiB), "),
                  testing::HasSubstr(" available here ("),
                  testing::HasSubstr("; take a smaller shape or batch"))));
}

}  // namespace
}  // namespace posbench
