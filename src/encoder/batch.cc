#include "encoder/batch.h"

#include <algorithm>

namespace posbench {

void Batch::clear() {
  tokens.clear();
  positions.clear();
  offsets.assign(1, 0);
  lengths.clear();
  rows.clear();
  labels.clear();
}

Batch padded(const Batch& packed) {
  std::int32_t longest = 0;
  for (std::size_t s = 0; s < packed.sequences(); ++s) {
    longest = std::max(longest, packed.offsets[s + 1] - packed.offsets[s]);
  }
  Batch batch;
  std::size_t label = 0;
  for (std::size_t s = 0; s < packed.sequences(); ++s) {
    const auto first = static_cast<std::size_t>(packed.offsets[s]);
    const auto last = static_cast<std::size_t>(packed.offsets[s + 1]);
    const auto start = static_cast<std::int32_t>(batch.tokens.size());
    for (std::size_t t = first; t < last; ++t) {
      batch.tokens.push_back(packed.tokens[t]);
      batch.positions.push_back(packed.positions[t]);
    }
    const std::int32_t end = start + longest;
    batch.tokens.resize(static_cast<std::size_t>(end), 0);
    batch.positions.resize(static_cast<std::size_t>(end), 0);
    batch.offsets.push_back(end);
    batch.lengths.push_back(static_cast<std::int32_t>(last - first));
    for (; label < packed.rows.size() && packed.rows[label] < packed.offsets[s + 1]; ++label) {
      batch.rows.push_back(packed.rows[label] - packed.offsets[s] + start);
      batch.labels.push_back(packed.labels[label]);
    }
  }
  return batch;
}

Block next_block(const Batch& batch, const Block& after) {
  const std::size_t left = batch.size() - after.last_row;
  const std::size_t blocks = std::max<std::size_t>(1, (left + kBlockRows / 2) / kBlockRows);
  const std::size_t target = (left + blocks - 1) / blocks;
  Block block{after.last_sequence, after.last_sequence, after.last_row,
              after.last_row,      after.last_label,    after.last_label};
  while (block.last_sequence < batch.sequences() && block.rows() < target) {
    ++block.last_sequence;
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
