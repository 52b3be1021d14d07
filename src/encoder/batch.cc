#include "encoder/batch.h"

#include <algorithm>
#include <numeric>

namespace posbench {

void Batch::clear() {
  tokens.clear();
  positions.clear();
  offsets.assign(1, 0);
  segments.clear();
  lengths.clear();
  rows.clear();
  labels.clear();
  features.clear();
  spans.clear();
}

Batch padded(const Batch& packed) {
  std::int32_t longest = 0;
  for (std::size_t s = 0; s < packed.sequences(); ++s) {
    longest = std::max(longest, packed.rows_of(s));
  }
  Batch batch;
  batch.spans = packed.spans;  // indices into rows, whose order stays
  const std::size_t features = packed.features_per_token();
  std::size_t label = 0;
  for (std::size_t s = 0; s < packed.sequences(); ++s) {
    const auto first = static_cast<std::size_t>(packed.offsets[s]);
    const auto last = static_cast<std::size_t>(packed.offsets[s + 1]);
    const auto start = static_cast<std::int32_t>(batch.tokens.size());
    for (std::size_t t = first; t < last; ++t) {
      batch.tokens.push_back(packed.tokens[t]);
      batch.positions.push_back(packed.positions[t]);
      if (!packed.segments.empty()) batch.segments.push_back(packed.segments[t]);
      for (std::size_t f = 0; f < features; ++f) {
        batch.features.push_back(packed.features[t * features + f]);
      }
    }
    const std::int32_t end = start + longest;
    batch.tokens.resize(static_cast<std::size_t>(end), 0);
    batch.positions.resize(static_cast<std::size_t>(end), 0);
    batch.features.resize(static_cast<std::size_t>(end) * features, -1);
    if (!packed.segments.empty()) batch.segments.resize(static_cast<std::size_t>(end), 0);
    batch.offsets.push_back(end);
    batch.lengths.push_back(static_cast<std::int32_t>(last - first));
    for (; label < packed.rows.size() && packed.rows[label] < packed.offsets[s + 1]; ++label) {
      batch.rows.push_back(packed.rows[label] - packed.offsets[s] + start);
      if (packed.spans.empty()) batch.labels.push_back(packed.labels[label]);
    }
  }
  return batch;
}

Block next_block(const Batch& batch, const Block& after, std::span<const std::int32_t> cached) {
  const auto cached_in = [&](std::size_t first, std::size_t last) {
    if (cached.empty()) return std::size_t{0};
    const std::span<const std::int32_t> some = cached.subspan(first, last - first);
    return std::accumulate(some.begin(), some.end(), std::size_t{0});
  };
  const std::size_t left =
      batch.size() - after.last_row + cached_in(after.last_sequence, batch.sequences());
  const std::size_t blocks = std::max<std::size_t>(1, (left + kBlockRows / 2) / kBlockRows);
  const std::size_t target = (left + blocks - 1) / blocks;
  Block block{after.last_sequence, after.last_sequence, after.last_row,
              after.last_row,      after.last_label,    after.last_label};
  std::size_t found = 0;  // rows of the block, cached ones included
  while (block.last_sequence < batch.sequences() && found < target) {
    ++block.last_sequence;
    found += static_cast<std::size_t>(batch.rows_of(block.last_sequence - 1)) +
             cached_in(block.last_sequence - 1, block.last_sequence);
    block.last_row = static_cast<std::size_t>(batch.offsets[block.last_sequence]);
  }
  while (block.last_label < batch.rows.size() &&
         static_cast<std::size_t>(batch.rows[block.last_label]) < block.last_row) {
    ++block.last_label;
  }
  return block;
}

std::size_t most_block_rows(std::size_t rows, std::size_t longest) {
  if (rows < kBlockRows * 3 / 2) return rows;  // one block
  // Of two blocks and more, each aims at no more than 5/4 and leaves no more than that behind.
  return std::min(rows, kBlockRows * 5 / 4 - 1 + longest);
}

}  // namespace posbench
