// Batches of sequences: packed, or padded to one length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace posbench {

/// S sequences that stand end to end in T rows.
struct Batch {
  std::vector<std::int32_t> tokens;      ///< (T)
  std::vector<std::int32_t> positions;   ///< (T), from 0 in each sequence
  std::vector<std::int32_t> offsets{0};  ///< (S + 1)
  std::vector<std::int32_t> lengths;     ///< (S) rows past these are padding; empty: none is
  std::vector<std::int32_t> rows;        ///< (R) labelled rows, ascending
  std::vector<std::int32_t> labels;      ///< (R)

  std::size_t size() const { return tokens.size(); }
  std::size_t sequences() const { return offsets.size() - 1; }
  void clear();
};

/// The same sequences, each in as many rows as the longest has: what frameworks compute. Padding is
/// token 0 at position 0, which nobody attends to and no label reads.
Batch padded(const Batch& packed);

/// Rows of a block. Fewer, and the products lose more to their edges than the caches win.
constexpr std::size_t kBlockRows = 512;

/// Products run over a multiple of so many rows, so that the lengths of real sentences do not each
/// need primitives of their own; the rows behind the last are zeros or, after a norm, β.
constexpr std::size_t kRowStep = 16;
constexpr std::size_t whole_steps(std::size_t rows) {
  return (rows + kRowStep - 1) / kRowStep * kRowStep;
}

/// Some whole sequences of a batch: sequences [first, last) with their rows and labelled rows. The
/// engine runs a batch block by block, so that what a layer leaves is still in the caches when the
/// next needs it.
struct Block {
  std::size_t first_sequence, last_sequence;
  std::size_t first_row, last_row;
  std::size_t first_label, last_label;

  std::size_t rows() const { return last_row - first_row; }
  std::size_t labels() const { return last_label - first_label; }
};

/// The block that starts with sequence `first` (`after` ends the block before, all zeros for the
/// first): it ends with the sequence that reaches `target` rows, or with the batch.
Block next_block(const Batch& batch, const Block& after, std::size_t target);

}  // namespace posbench
