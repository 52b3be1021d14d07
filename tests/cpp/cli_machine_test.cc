// The doctor's checks on made-up machines: files under a folder that stands for "/".
#include "cli/machine.h"

#include "dataset_helpers.h"

namespace posbench {
namespace {

using enum Finding::Level;
using testing::HasSubstr;

class Machine : public ScratchTest {
 protected:
  // A quiet machine of 16 GiB; tests change what they are about.
  Machine() {
    write("proc/stat", "cpu  1000 0 1000 8000 0 0 0 0 0 0\n");
    write("proc/loadavg", "0.10 0.20 0.30 1/200 4711\n");
    write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n");
    write("proc/meminfo",
          "MemTotal:       16777216 kB\nMemAvailable:   15000000 kB\nSwapTotal:             0 kB\n"
          "SwapFree:              0 kB\n");
    write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  }

  // The one finding whose text holds `about`.
  Finding finding(const std::string& about) const {
    for (const auto& each : check_machine(folder, std::chrono::milliseconds(0))) {
      if (each.what.find(about) != std::string::npos) return each;
    }
    return {kGood, "nothing about " + about, ""};
  }
};

TEST_F(Machine, AQuietOneHasNothingToComplainOf) {
  const auto findings = check_machine(folder, std::chrono::milliseconds(0));
  EXPECT_GE(findings.size(), 7);
  for (const auto& each : findings) {
    EXPECT_EQ(each.level, kGood) << each.what;
    EXPECT_EQ(each.advice, "") << each.what;
  }
}

TEST_F(Machine, AnEmptyRootIsNoReasonToCrash) {
  std::filesystem::remove_all(folder / "proc");
  std::filesystem::remove_all(folder / "sys");
  EXPECT_EQ(finding("governor").what, "governor: unknown, this system shows no cpufreq");
}

TEST_F(Machine, StealIsTheEighthFieldAndGuestTimeIsNotCountedTwice) {
  write("proc/stat", "cpu  1000 0 1000 7500 0 0 0 500 9999 0\n");
  EXPECT_EQ(finding("steal").level, kWarning);
  EXPECT_EQ(finding("steal").what, "steal: 0.0 % now, 5.0 % since boot");
}

TEST_F(Machine, LoadAndPressure) {
  write("proc/loadavg", "1.75 0.20 0.30 1/200 4711\n");
  write("proc/pressure/cpu", "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\n");
  EXPECT_EQ(finding("load").level, kWarning);
  EXPECT_THAT(finding("load").what, HasSubstr("1.75"));
  EXPECT_EQ(finding("pressure").level, kWarning);
  EXPECT_THAT(finding("pressure").what, HasSubstr("12.5 %"));
}

TEST_F(Machine, LimitsOfCgroupVersion2) {
  write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  write("sys/fs/cgroup/memory.max", "4294967296\n");
  write("sys/fs/cgroup/cpu.stat", "usage_usec 5\nnr_periods 100\nnr_throttled 7\n");
  EXPECT_EQ(finding("cgroup: limited to 1.50 cores").level, kWarning);
  EXPECT_EQ(finding("cgroup: limited to 4096 MiB").level, kWarning);
  EXPECT_EQ(finding("cgroup: throttled in 7 periods").level, kWarning);
}

TEST_F(Machine, LimitsOfCgroupVersion1) {
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
  EXPECT_EQ(finding("cgroup: limited to 0.50 cores").level, kWarning);
  EXPECT_EQ(finding("cgroup: limited to 128 MiB").level, kFatal) << "no trial fits in that";
}

TEST_F(Machine, NoLimitIsNoFinding) {
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(finding("cgroup").what, "cgroup: no limit on CPU time");
  write("sys/fs/cgroup/memory.max", "9223372036854771712\n");
  EXPECT_THAT(finding("MiB of memory").what, HasSubstr("nothing about"));
}

TEST_F(Machine, ClockAndHeat) {
  write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
  write("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n");
  write("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "4\n");
  EXPECT_EQ(finding("governor: powersave").level, kWarning);
  EXPECT_THAT(finding("heat").what, HasSubstr("throttled 7 times"));
}

TEST_F(Machine, MemorySwapAndHugePages) {
  write(
      "proc/meminfo",
      "MemTotal: 1048576 kB\nMemAvailable: 300000 kB\nSwapTotal: 900000 kB\nSwapFree: 100000 kB\n");
  write("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
  EXPECT_EQ(finding("memory").level, kFatal);
  EXPECT_EQ(finding("swap: 781 MiB in use").level, kWarning);
  EXPECT_EQ(finding("huge pages: always").level, kWarning);
}

TEST_F(Machine, EveryComplaintSaysWhatToDo) {
  write("proc/loadavg", "9 9 9\n");
  write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  for (const auto& each : check_machine(folder, std::chrono::milliseconds(0))) {
    EXPECT_EQ(each.level == kGood, each.advice.empty()) << each.what;
  }
}

}  // namespace
}  // namespace posbench
