// The arms of encoding_cost: what each one calls, what it must move, and what it is allowed to get
// wrong.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "encoding_cost/workbench.h"
#include "kernel/sinusoid.h"

namespace posbench {

/// What an arm's name says behind its source: `_t2t`, `_bf16` or `_bf16_table`, `_in_place` or
/// `_nt`.
struct Variant {
  enum class Storage { kF32, kBf16, kBf16Table };

  std::string source;
  Convention convention = Convention::kInterleaved;
  Storage storage = Storage::kF32;
  bool in_place = false;
  Store store = Store::kPlain;

  explicit Variant(const std::string& name);
};

struct Arm {
  std::string name;
  /// One call for some of the positions: y (B, those, d) = x + rows. `turn` counts the calls and
  /// says which copy of a table is read.
  std::function<void(std::size_t turn, Share positions)> call;

  /// Bytes that a call must move: x read, y written, each row of a table once.
  std::size_t bytes = 0;
  /// Bytes that a call touches.
  std::size_t working_set_bytes = 0;
  /// The stream with the same mix of reads and writes, its limit; empty where there is none.
  std::string stream = {};

  /// What a call must have written at element i: calls once and compares. Throws
  /// std::runtime_error.
  std::function<void()> check = {};

  /// For sinusoids: rows first … first + n − 1 (n, d), their high-precision values, and the error
  /// that the arm allows itself at position t.
  std::function<void(std::int64_t first, std::size_t n, float* out)> rows = {};
  std::function<std::vector<double>(std::int64_t t)> reference = {};
  std::function<double(std::int64_t t)> tolerance = {};

  /// For arms that choose: the arm they are here, and the rule in a sentence.
  std::string chosen = {};
  std::string rule = {};
};

/// A family of arms lives in one file and is listed in arms.cc.
struct ArmFamily {
  std::vector<std::string> names;
  Arm (*make)(Workbench& bench, const std::string& name);
};
ArmFamily stream_arms();
ArmFamily lookup_arms();
ArmFamily sinusoid_arms();
ArmFamily embedding_arms();
ArmFamily best_arms();
ArmFamily intrinsics_arms();

/// Every name that a spec may use.
std::vector<std::string> arm_names();

/// Throws UserError for an unknown name, naming the nearest; and where the shape cannot have the
/// arm, saying why.
Arm make_arm(Workbench& bench, const std::string& name);

/// Where y = x + rows goes for a variant, and how many bytes that moves.
Sum<float> sum_f32(Workbench& bench, const Variant& variant);
Sum<Bf16> sum_bf16(Workbench& bench, const Variant& variant);

/// Fills in bytes, working set and stream of an arm that reads `row_bytes` of rows besides tokens.
void account(Arm& arm, Workbench& bench, const Variant& variant, std::size_t row_bytes);

/// The check of an arm that adds rows: its output must equal x + rows bit for bit, rounded to its
/// storage. `rows(first, n, out)` gives the same bits where `first` is a multiple of
/// kRecurrencePeriod.
std::function<void()> sum_check(Workbench& bench, const Arm& arm, const Variant& variant,
                                std::function<void(std::int64_t, std::size_t, float*)> rows);

}  // namespace posbench
