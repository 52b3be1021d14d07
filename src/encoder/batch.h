// Batches of sequences: packed, or padded to one length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace posbench {

/// S sequences that stand end to end in T rows.
struct Batch {
  std::vector<std::int32_t> tokens;      ///< (T)
  std::vector<std::int32_t> positions;   ///< (T), from 0 in each sequence
  std::vector<std::int32_t> offsets{0};  ///< (S + 1)
  std::vector<std::int32_t> segments;    ///< (T), 0 or 1: of which text of a pair; empty: all 0
  std::vector<std::int32_t> lengths;     ///< (S) rows past these are padding; empty: none is
  std::vector<std::int32_t> rows;        ///< (R) labelled rows, ascending
  std::vector<std::int32_t> labels;      ///< (R)
  /// (T, F) further rows of the token table that are added to each token's own, such as its ending;
  /// −1: none; empty: no token has any.
  std::vector<std::int32_t> features;
  /// (S, 2) span question answering, instead of labels: the indices into `rows` where the answer of
  /// each sequence starts and ends; its labelled rows are the candidates.
  std::vector<std::int32_t> spans;

  std::size_t size() const { return tokens.size(); }
  std::size_t sequences() const { return offsets.size() - 1; }
  /// Rows of sequence s, and how many of them are no padding.
  std::int32_t rows_of(std::size_t s) const { return offsets[s + 1] - offsets[s]; }
  std::int32_t length_of(std::size_t s) const { return lengths.empty() ? rows_of(s) : lengths[s]; }
  /// F.
  std::size_t features_per_token() const { return features.empty() ? 0 : features.size() / size(); }
  void clear();
};

/// The same sequences, each in as many rows as the longest has: what frameworks compute. Padding is
/// token 0 at position 0, which nobody attends to and no label reads.
Batch padded(const Batch& packed);

/// Rows that a block aims at. Half as many, and the products lose more to their edges than the
/// caches win; from 384 to 768 the time is the same.
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
  std::size_t sequences() const { return last_sequence - first_sequence; }
};

/// The block behind `after` (all zeros for the first). The rows left are shared out evenly, about
/// kBlockRows each, so that no small rest remains; a block ends with the sequence that fills it.
/// The `cached` rows (S; empty: none) that a sequence finds in LayerStates are work too, and count.
Block next_block(const Batch& batch, const Block& after, std::span<const std::int32_t> cached = {});

/// The most rows of a block of any batch of so many rows whose sequences are at most `longest`.
std::size_t most_block_rows(std::size_t rows, std::size_t longest);

}  // namespace posbench
