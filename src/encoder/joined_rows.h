// The rows that a block's attention runs over: those of its sequences, each behind the rows that
// LayerStates have of it.
#pragma once

#include <vector>

#include "encoder/workspace.h"
#include "kernel/attention.h"

namespace posbench {

template <class Real, class Stored>
class JoinedRows {
 public:
  explicit JoinedRows(Workspace<Real, Stored>& workspace) : w_(workspace) {}

  // To be called when the workspace has a new block.
  void begin(const Batch& batch) {
    const Block& block = w_.block;
    offsets_.assign(1, 0);
    lengths_.clear();
    positions_.clear();
    cached_.clear();
    for (std::size_t i = 0; i < block.sequences(); ++i) {
      const std::size_t s = block.first_sequence + i;
      const std::int32_t cached = joins() ? w_.states->cached()[s] : 0;
      const std::int32_t rows = cached + batch.rows_of(s);
      if (joins()) cached_.push_back(cached);
      offsets_.push_back(offsets_.back() + rows);
      if (!batch.lengths.empty()) lengths_.push_back(cached + batch.lengths[s]);
      for (std::int32_t t = 0; joins() && t < rows; ++t) positions_.push_back(t);
    }
  }

  bool joins() const { return w_.states != nullptr; }
  std::size_t rows() const { return as_size(offsets_.back()); }
  std::size_t whole_rows() const { return whole_steps(rows()); }

  AttentionShape shape() const {
    return {offsets_, lengths_, w_.model.shape.hidden, w_.model.shape.heads, w_.model.system.causal,
            cached_};
  }

  // The batch's own; where rows are joined, from 0 in each sequence.
  std::span<const std::int32_t> positions(const Batch& batch) const {
    return joins() ? std::span<const std::int32_t>(positions_) : w_.positions(batch);
  }

  // x (n, d) behind the cached rows of a layer, of which `arena` gives the memory. The states then
  // hold the last of both.
  Stored* join(const Batch& batch, std::size_t layer, const Real* x, Arena& arena) const {
    const std::size_t d = w_.d;
    Stored* joined = arena.take<Stored>(whole_rows() * d);
    const auto copy = [&](const Real* from, std::size_t count, std::size_t to) {
      if constexpr (std::is_same_v<Real, Stored>)
        std::copy_n(from, count * d, joined + to * d);
      else
        round_to_bf16(from, count * d, joined + to * d);
    };
    for_each_sequence(batch,
                      [&](std::size_t s, std::size_t row, std::size_t to, std::size_t count) {
                        const std::size_t cached = as_size(w_.states->cached()[s]);
                        copy(w_.states->of(layer, s), cached, to - cached);
                        copy(x + row * d, count, to);
                        w_.states->append(layer, s, x + row * d, as_size(batch.length_of(s)));
                      });
    zero_rows(joined, rows(), whole_rows(), d);
    return joined;
  }

  // The new ones of joined rows, `width` numbers each; to is (n, width).
  void take_new(const Batch& batch, const Stored* joined, std::size_t width, Stored* to) const {
    for_each_sequence(batch,
                      [&](std::size_t, std::size_t row, std::size_t from, std::size_t count) {
                        std::copy_n(joined + from * width, count * width, to + row * width);
                      });
    zero_rows(to, w_.block.rows(), w_.n, width);
  }

  // Rows (n, d) in the places of the new ones; zeros in those of the cached ones.
  Stored* put_new(const Batch& batch, const Stored* from, Arena& arena) const {
    Stored* joined = arena.take_zeroed<Stored>(whole_rows() * w_.d);
    for_each_sequence(batch, [&](std::size_t, std::size_t row, std::size_t to, std::size_t count) {
      std::copy_n(from + row * w_.d, count * w_.d, joined + to * w_.d);
    });
    return joined;
  }

 private:
  // Calls body(sequence, its first new row in the block, the same among the joined ones, how many
  // are new).
  template <class Body>
  void for_each_sequence(const Batch& batch, Body body) const {
    std::size_t row = 0;
    for (std::size_t i = 0; i < w_.block.sequences(); ++i) {
      const std::size_t s = w_.block.first_sequence + i, count = as_size(batch.rows_of(s));
      body(s, row, as_size(offsets_[i + 1]) - count, count);
      row += count;
    }
  }

  Workspace<Real, Stored>& w_;
  std::vector<std::int32_t> offsets_{0};  // of the block's sequences
  std::vector<std::int32_t> lengths_;     // the same where rows are padding, else empty
  std::vector<std::int32_t> positions_;   // where rows are joined
  // Of the block's sequences, as forward found them: the states move on before backward. Empty:
  // none.
  std::vector<std::int32_t> cached_;
};

}  // namespace posbench
