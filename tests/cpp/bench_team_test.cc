// Teams of threads: every part once, nothing lost, errors and bindings handed back.
#include "team.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <numeric>
#include <set>
#include <stdexcept>
#include <string>

#include "base/error.h"

namespace posbench {
namespace {

cpu_set_t binding() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof(set), &set);
  return set;
}

TEST(Partition, CoversEveryIndexOnceInOrderAndEvenly) {
  for (const int parts : {1, 2, 3, 7, 64}) {
    for (const std::size_t n : {0, 1, 2, 6, 7, 8, 63, 64, 65, 1000}) {
      std::size_t next = 0, least = n, most = 0;
      for (int part = 0; part < parts; ++part) {
        const Share share = partition(n, part, parts);
        EXPECT_EQ(share.begin, next);
        EXPECT_LE(share.begin, share.end);
        next = share.end;
        least = std::min(least, share.size());
        most = std::max(most, share.size());
      }
      EXPECT_EQ(next, n);
      EXPECT_LE(most - least, 1u);
    }
  }
}

TEST(Team, EveryPartRunsOnceOnItsOwnThread) {
  Team team(0);
  const auto parts = static_cast<std::size_t>(team.size());
  EXPECT_EQ(team.size(), usable_cores());
  for (int round = 0; round < 3; ++round) {
    std::vector<int> calls(parts, 0);
    std::vector<std::thread::id> thread(parts);
    team.run([&](int part, int of) {
      EXPECT_EQ(of, team.size());
      ++calls[static_cast<std::size_t>(part)];
      thread[static_cast<std::size_t>(part)] = std::this_thread::get_id();
    });
    EXPECT_THAT(calls, testing::Each(1));
    EXPECT_EQ(thread[0], std::this_thread::get_id());
    EXPECT_EQ(std::set(thread.begin(), thread.end()).size(), parts);
  }
}

TEST(Team, WhatWasWrittenBeforeARunIsSeenInItAndViceVersa) {
  Team team(0);
  std::vector<std::int64_t> numbers(1003), sums(static_cast<std::size_t>(team.size()));
  for (std::int64_t round = 0; round < 2000; ++round) {
    std::iota(numbers.begin(), numbers.end(), round);
    team.run([&](int part, int parts) {
      const Share share = partition(numbers.size(), part, parts);
      sums[static_cast<std::size_t>(part)] =
          std::accumulate(&numbers[0] + share.begin, &numbers[0] + share.end, std::int64_t{0});
    });
    ASSERT_EQ(std::accumulate(sums.begin(), sums.end(), std::int64_t{0}),
              1003 * round + 1002 * 1003 / 2);
  }
}

TEST(Team, MorePartsThanWorkLeavesTheRestWithNothing) {
  Team team(0);
  std::atomic<std::size_t> done{0};
  team.run([&](int part, int parts) { done += partition(1, part, parts).size(); });
  EXPECT_EQ(done, 1u);
}

TEST(Team, ThrowsWhatTheLowestPartThrewAndGoesOn) {
  Team team(0);
  std::atomic<int> started{0};
  const auto fail = [&](int part, int) {
    ++started;
    throw std::runtime_error("part " + std::to_string(part));
  };
  for (int round = 0; round < 3; ++round) {
    started = 0;
    EXPECT_THAT([&] { team.run(fail); }, testing::ThrowsMessage<std::runtime_error>("part 0"));
    EXPECT_EQ(started, team.size());
  }
  const int last = team.size() - 1;
  const auto fail_last = [&](int part, int) {
    if (part == last) throw UserError("the last");
  };
  EXPECT_THROW(team.run(fail_last), UserError);
  EXPECT_NO_THROW(team.run([](int, int) {}));
}

TEST(Team, PinsEveryMemberToACoreOfItsOwnAndGivesTheBindingBack) {
  const cpu_set_t before = binding();
  for (const int threads : {0, 1}) {
    Team team(threads);
    std::vector<cpu_set_t> bound(static_cast<std::size_t>(team.size()));
    team.run([&](int part, int) { bound[static_cast<std::size_t>(part)] = binding(); });
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const cpu_set_t& one : bound) {
      EXPECT_EQ(CPU_COUNT(&one), 1);
      CPU_OR(&all, &all, &one);
    }
    EXPECT_EQ(CPU_COUNT(&all), team.size());
  }
  const cpu_set_t after = binding();
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(Team, OneThreadIsTheCaller) {
  Team team(1);
  EXPECT_EQ(team.size(), 1);
  int calls = 0;
  team.run([&](int part, int parts) { calls += 10 * (part + 1) + parts; });
  EXPECT_EQ(calls, 11);
}

TEST(Team, RefusesWhatTheMachineDoesNotHave) {
  for (const int threads : {-1, usable_cores() + 1}) {
    EXPECT_THAT([&] { Team team(threads); },
                testing::ThrowsMessage<UserError>(
                    testing::AllOf(testing::HasSubstr("threads " + std::to_string(threads)),
                                   testing::HasSubstr(std::to_string(usable_cores()) + " cores"),
                                   testing::HasSubstr("0 takes all"))));
  }
}

}  // namespace
}  // namespace posbench
