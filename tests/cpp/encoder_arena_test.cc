#include "encoder/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "encoder_helpers.h"

namespace {
long blocks_made = 0;  // calls of the aligned new, which arenas alone use here
}

void* operator new(std::size_t size, std::align_val_t alignment) {
  ++blocks_made;
  const auto step = static_cast<std::size_t>(alignment);
  void* data = std::aligned_alloc(step, (size + step - 1) / step * step);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}
void operator delete(void* data, std::align_val_t) noexcept { std::free(data); }

namespace posbench {
namespace {

// Sizes around the alignment and the first block of 65,536 elements.
const std::vector<std::size_t> kSizes = {1, 15, 16, 17, 0, 1000, 60000, 70000, 3, 200000, 1};

template <class Real>
std::vector<std::pair<Real*, std::size_t>> take_all(Arena& arena) {
  std::vector<std::pair<Real*, std::size_t>> pieces;
  for (const std::size_t n : kSizes) pieces.emplace_back(arena.take<Real>(n), n);
  return pieces;
}

template <class Real>
void check_pieces(std::vector<std::pair<Real*, std::size_t>> pieces) {
  for (const auto& [data, n] : pieces) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0u);
    std::fill(data, data + n, Real{1});  // a sanitizer sees a piece that is too small
  }
  std::sort(pieces.begin(), pieces.end());
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    EXPECT_LE(pieces[i - 1].first + pieces[i - 1].second, pieces[i].first);
  }
}

TEST(Arena, PiecesAreAlignedAndApart) {
  for (const std::size_t shift : {0, 64, 16384, 400000}) {
    Arena floats(shift);
    Arena doubles(shift);
    for (int step = 0; step < 4; ++step) {
      check_pieces(take_all<float>(floats));
      check_pieces(take_all<double>(doubles));
      floats.reset();
      doubles.reset();
    }
  }
}

TEST(Arena, AllocatesNothingOnceWarm) {
  for (const std::size_t shift : {0, 2048}) {
    Arena arena(shift);
    take_all<float>(arena);
    arena.reset();  // joins the blocks
    const long before = blocks_made;
    const auto first = take_all<float>(arena);
    for (int step = 0; step < 5; ++step) {
      arena.reset();
      EXPECT_EQ(take_all<float>(arena), first);
    }
    EXPECT_EQ(blocks_made, before);
    EXPECT_GT(before, 0);
  }
}

TEST(Arena, GrowsAgainWhereAStepNeedsMore) {
  Arena arena;
  take_all<float>(arena);
  arena.reset();
  take_all<float>(arena);
  check_pieces(take_all<float>(arena));  // twice as much as before
  arena.reset();
  const long before = blocks_made;
  take_all<float>(arena);
  take_all<float>(arena);
  EXPECT_EQ(blocks_made, before);
}

TEST(Arena, ShiftMovesTheFirstPiece) {
  Arena arena(128);
  const float* first = arena.take<float>(1);
  arena.reset();
  EXPECT_EQ(arena.take<float>(1), first);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
}

TEST(Arena, ZeroesOnDemand) {
  Arena arena;
  std::fill_n(arena.take<float>(100), 100, 7.0f);
  arena.reset();
  const float* piece = arena.take_zeroed<float>(100);
  EXPECT_TRUE(std::all_of(piece, piece + 100, [](float value) { return value == 0.0f; }));
}

// What the arena is for: a step of training allocates no working memory.
TEST(Arena, AWarmEncoderTakesNoNewBlock) {
  Encoder<float> encoder(tiny_encoder());
  const Batch batch = packed_batch();
  const auto step = [&] { encoder.loss_and_gradients(batch); };
  step();
  step();
  const long before = blocks_made;
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(blocks_made, before);
}

}  // namespace
}  // namespace posbench
