#include "study/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace posbench {
namespace {

// What a log gets: standard error is no terminal while gtest captures it.
template <class Work>
std::vector<std::string> lines_of(Work work) {
  testing::internal::CaptureStderr();
  work();
  std::istringstream text(testing::internal::GetCapturedStderr());
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(Progress, BeginsWithTheStudysEstimateAndEndsWithTheLastTrial) {
  const auto lines = lines_of([] {
    Progress progress(3, 240.0, 2);
    for (int i = 0; i < 3; ++i) progress.advance(80.0, "parity");
    progress.finish();
  });
  ASSERT_GE(lines.size(), 2u);
  EXPECT_THAT(lines.front(), testing::HasSubstr("0/3 trials, about 2 min 00 s left"));
  EXPECT_THAT(lines.back(), testing::HasSubstr("3/3 trials, about 0 s left  parity"));
}

TEST(Progress, ALogIsNotFlooded) {
  const auto lines = lines_of([] {
    Progress progress(10000, 1000.0, 1);
    for (int i = 0; i < 10000; ++i) progress.advance(0.1, "memory");
    progress.finish();
  });
  EXPECT_LT(lines.size(), 100u);
  EXPECT_THAT(lines.back(), testing::HasSubstr("10000/10000"));
}

TEST(Progress, WorkWithoutAnEstimateIsNoDivisionByZero) {
  const auto lines = lines_of([] {
    Progress progress(2, 0.0, 1);
    progress.advance(0.0, "x");
    progress.advance(0.0, "x");
    progress.finish();
  });
  EXPECT_THAT(lines.back(), testing::HasSubstr("2/2 trials, about 0 s left"));
}

}  // namespace
}  // namespace posbench
