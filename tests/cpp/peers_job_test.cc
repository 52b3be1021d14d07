// The files of a job.
#include "peers/job.h"

#include "base/files.h"
#include "dataset_helpers.h"

namespace posbench {
namespace {

Batch batch_of(const std::vector<std::int32_t>& lengths) {
  Batch batch;
  for (const std::int32_t length : lengths) {
    for (std::int32_t t = 0; t < length; ++t) {
      batch.rows.push_back(static_cast<std::int32_t>(batch.tokens.size()));
      batch.labels.push_back(t % 3);
      batch.positions.push_back(t);
      batch.tokens.push_back(7 * t % 11);
    }
    batch.offsets.push_back(static_cast<std::int32_t>(batch.tokens.size()));
  }
  return batch;
}

void expect_equal(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.positions, b.positions);
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_TRUE(b.lengths.empty());
}

class Jobs : public ScratchTest {
 protected:
  Job job{{.shape = {11, 3, 8, 1, 2, 16, 5}, .precision = "f32"},
          {.learning_rate = 0.25, .warmup = 0.5, .steps = 9, .weight_decay = 0.125, .clip_norm = 2},
          true,
          {batch_of({5, 1, 3}), batch_of({2})},
          {batch_of({4})}};
};

TEST_F(Jobs, ComeBackFromTheirFiles) {
  write_job(job, folder);
  const Job read = read_job(folder);
  EXPECT_TRUE(read.trains);
  EXPECT_EQ(read.options.precision, "f32");
  EXPECT_EQ(read.options.shape.feed_forward, 16);
  EXPECT_EQ(read.options.shape.max_length, 5);
  EXPECT_EQ(read.optimizer.learning_rate, 0.25);
  EXPECT_EQ(read.optimizer.steps, 9);
  EXPECT_EQ(read.optimizer.clip_norm, 2);
  ASSERT_EQ(read.batches.size(), 2u);
  expect_equal(job.batches[0], read.batches[0]);
  expect_equal(job.batches[1], read.batches[1]);
  ASSERT_EQ(read.scored.size(), 1u);
  expect_equal(job.scored[0], read.scored[0]);
}

TEST_F(Jobs, BeyondThisMachineAreRefusedBeforeAnythingIsWritten) {
  job.options.shape.hidden = job.options.shape.feed_forward = 1 << 20;
  const std::string said = message_of<UserError>([&] { write_job(job, folder); });
  EXPECT_THAT(said, testing::HasSubstr("training on batches of 9 tokens: "));
  EXPECT_THAT(said, testing::HasSubstr(" bytes of memory needed ("));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(Jobs, CutShortAreRefused) {
  write_job(job, folder);
  const std::string bytes = read_file(folder / "batches.bin");
  for (std::size_t n = 0; n < bytes.size(); n += sizeof(std::int32_t)) {
    write("batches.bin", bytes.substr(0, n));
    EXPECT_THAT(message_of<UserError>([&] { read_job(folder); }),
                testing::HasSubstr("batches.bin ends inside a batch"))
        << n;
  }
}

}  // namespace
}  // namespace posbench
