#include "encoding_cost/buffers.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <utility>

namespace posbench {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{1} << 21;
constexpr std::size_t kLineFloats = 16;

std::size_t round_up(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

}  // namespace

Buffer::Buffer(std::size_t n, Random& random) : size_(n) {
  const std::size_t bytes = n * sizeof(float) + kPage;
  // A huge page needs an aligned start, which mmap does not promise; a small buffer needs no huge
  // page.
  const bool huge = bytes >= kHugePage;
  mapped_bytes_ = huge ? round_up(bytes, kHugePage) + kHugePage : round_up(bytes, kPage);
  mapping_ =
      mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  std::byte* start = static_cast<std::byte*>(mapping_);
  if (huge) {
    start += round_up(reinterpret_cast<std::size_t>(start), kHugePage) -
             reinterpret_cast<std::size_t>(start);
    madvise(start, round_up(bytes, kHugePage), MADV_HUGEPAGE);  // a wish: failure costs only speed
  }
  start += random.below(kPage / 64) * 64;
  data_ = reinterpret_cast<float*>(start);
}

Buffer::~Buffer() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_bytes_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      mapped_bytes_(other.mapped_bytes_),
      data_(other.data_),
      size_(other.size_) {}

Copies::Copies(std::span<const float> values, std::size_t total_bytes, Random& random, Team& team)
    : stride_(round_up(std::max<std::size_t>(values.size(), 1), kLineFloats)),
      count_(std::max<std::size_t>(total_bytes / (stride_ * sizeof(float)), 1)),
      buffer_(stride_ * count_, random) {
  team.run([&](int part, int parts) {
    const Share mine = partition(values.size(), part, parts);
    for (std::size_t copy = 0; copy < count_; ++copy) {
      std::ranges::copy(values.subspan(mine.begin, mine.size()),
                        buffer_.data() + copy * stride_ + mine.begin);
    }
  });
}

}  // namespace posbench
