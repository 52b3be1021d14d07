// The systems that an encoder can be: what, beside the position encoding, makes BERT BERT.
//
// Plain values, read by layout (which parameters there are), engine (what is computed) and
// footprint (how many bytes that takes); the table is in systems.cc. All systems share one width,
// one dropout and one GELU, the exact one: the tanh that GPT-2 puts in its place is at most 5e-4
// away, which no study here could see.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "encoding/encoding.h"

namespace posbench {

enum class Activation { gelu, relu };

struct EncoderSystem {
  std::string_view name;
  std::string_view about;     ///< one line for `posbench list systems`
  std::string_view encoding;  ///< the system's own
  int max_length;             ///< rows that its own position table has; 0: it has none

  Activation activation = Activation::gelu;
  bool scales_tokens = false;   ///< token vectors × √d
  bool has_segments = false;    ///< the input sum has a row of a segment table (2, d)
  bool embedding_norm = false;  ///< a layer norm behind the input sum
  bool has_delimiters = false;  ///< a text stands between [CLS] and [SEP]
  bool norm_first = false;      ///< x + f(norm(x)) and a norm before the head; else norm(x + f(x))
  bool causal = false;          ///< no query sees a later key
  /// Where classes are words, the head is the transposed token table, without a bias. A task with
  /// classes of its own keeps a head of its own, as in the fine-tuning of GPT (Radford 2018, §3.2).
  bool ties_output = false;
  bool has_memory = false;  ///< takes LayerStates: keys and values of rows that went before
  /// A query sees a window of keys; the first rows of a text, with projections of their own, see
  /// all and are seen by all.
  bool has_window = false;
};

/// In the order in which they were published, the plain encoder first.
std::span<const EncoderSystem> systems();

/// Throws UserError for an unknown name, naming the nearest one.
const EncoderSystem& find_system(const std::string& name);

/// Throws UserError where a system cannot have an encoding, with the reason.
void require_sensible(const EncoderSystem& system, const EncodingAbout& encoding);

}  // namespace posbench
