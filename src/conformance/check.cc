#include "conformance/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/nearest.h"
#include "conformance/reference.h"

namespace posbench {
namespace {
using reference::Row;

struct Candidate {
  std::string convention;
  Row row;
};

// What an encoding's tables may look like.
struct Family {
  std::string name;
  bool by_position;  // rows are positions, so that it may begin elsewhere; they are `hidden` wide
  bool scales;
  std::vector<Candidate> (*candidates)(const NpyTable& table, std::size_t hidden);
};

void require_columns(const NpyTable& table, const char* encoding, std::size_t columns) {
  if (table.columns == columns) return;
  throw UserError(
      fmt::format("a table of {} has {} columns here, and this one has {}; see posbench "
                  "conformance --help for the shapes",
                  encoding, columns, table.columns));
}

std::vector<Candidate> sinusoids(const NpyTable& table, std::size_t hidden) {
  const std::size_t d = hidden ? hidden : table.columns;
  require_columns(table, "sinusoid", d);
  if (d % 2 != 0) {
    throw UserError(fmt::format(
        "a sinusoid has a cosine for each sine, and {} columns are odd; leave out padding", d));
  }
  std::vector<Candidate> found;
  for (const bool cosine_first : {false, true}) {
    const std::string order = cosine_first ? ", cosines first" : "";
    const auto add = [&](const char* name, bool halves, bool tensor2tensor) {
      found.push_back(
          {name + order, reference::sinusoid({halves, tensor2tensor, cosine_first}, d)});
    };
    add("interleaved", false, false);
    add("concat (the paper's frequencies in halves)", true, false);
    add("tensor2tensor", true, true);
    add("tensor2tensor's frequencies, interleaved", false, true);
  }
  return found;
}

std::vector<Candidate> ropes(const NpyTable& table, std::size_t hidden) {
  const std::size_t rotated = table.columns / 2;
  if (table.columns % 4 != 0) {
    throw UserError(
        fmt::format("a table of rope has cosines, then as many sines, each angle twice, and {} "
                    "columns are no multiple of 4; see posbench conformance --help for the shapes",
                    table.columns));
  }
  std::string part;
  if (hidden == 4 * rotated) {
    part = "_quarter";
  } else if (hidden != 0) {
    require_columns(table, "rope", 2 * hidden);
  }
  return {{"pairs" + part, reference::rope_tables({true, rotated})},
          {"halves" + part, reference::rope_tables({false, rotated})}};
}

Row slopes(const std::vector<long double>& values) {
  return [values](long head, std::span<long double> row) {
    row[0] = values[static_cast<std::size_t>(head)];
  };
}

std::vector<Candidate> alibis(const NpyTable& table, std::size_t /*hidden*/) {
  require_columns(table, "alibi", 1);
  std::vector<Candidate> found = {{"get_slopes", slopes(reference::alibi_slopes(table.rows))}};
  if (!std::has_single_bit(table.rows)) {
    found.push_back({"2^(−8h/H)", slopes(reference::alibi_geometric_slopes(table.rows))});
  }
  return found;
}

std::vector<Candidate> t5_buckets(const NpyTable& table, std::size_t /*hidden*/) {
  require_columns(table, "t5_bias", table.rows);
  const auto buckets = [](bool causal, long sign) -> Row {
    return [=](long query, std::span<long double> row) {
      for (std::size_t key = 0; key < row.size(); ++key) {
        const long distance = static_cast<long>(key) - query;
        row[key] = reference::t5_bucket(sign * distance, causal);
      }
    };
  };
  return {{"bidirectional", buckets(false, 1)},
          {"causal", buckets(true, 1)},
          {"bidirectional, of query minus key", buckets(false, -1)},
          {"causal, of query minus key", buckets(true, -1)}};
}

const std::vector<Family>& families() {
  static const std::vector<Family> all = {{"sinusoid", true, true, sinusoids},
                                          {"rope", true, false, ropes},
                                          {"alibi", false, true, alibis},
                                          {"t5_bias", false, false, t5_buckets}};
  return all;
}

// Rounding of the table, and that of an angle position · ω kept in one f32.
double tolerance(const NpyTable& table) {
  return table.rounding + 2e-7 * static_cast<double>(table.rows);
}

// A table beside a candidate, whose rows are made once for every shift.
class Comparison {
 public:
  Comparison(const NpyTable& table, const Candidate& candidate, long most_shift)
      : table_(table), convention_(candidate.convention), width_(table.columns) {
    const std::size_t rows = table.rows + static_cast<std::size_t>(most_shift);
    expected_.resize(rows * width_);
    for (std::size_t r = 0; r < rows; ++r) {
      candidate.row(static_cast<long>(r), std::span(expected_).subspan(r * width_, width_));
    }
  }

  // The factor of least squares; 1 where it is one but for rounding.
  double fitted_scale(long shift) const {
    long double both = 0, own = 0;
    for_each(shift, [&](std::size_t at, long double expected) {
      both += table_.values[at] * expected;
      own += expected * expected;
    });
    const auto scale = own > 0 ? static_cast<double>(both / own) : 1.0;
    return std::abs(scale - 1) <= tolerance(table_) ? 1.0 : scale;
  }

  Match match(long shift, double scale) const {
    Match found{convention_, shift, scale, 0.0, std::nullopt, 0};
    const double allowed = tolerance(table_) * std::abs(scale);
    for_each(shift, [&](std::size_t at, long double expected) {
      const auto error = static_cast<double>(std::abs(table_.values[at] - scale * expected));
      if (error > allowed && !found.row) {
        found.row = at / width_;
        found.column = at % width_;
      }
      found.error = std::max(found.error, error);
    });
    return found;
  }

 private:
  // body(place in the table, what the convention has there), without rows that are no positions.
  template <class Body>
  void for_each(long shift, Body body) const {
    const auto skipped = static_cast<std::size_t>(std::max(-shift, 0L));
    const auto ahead = static_cast<std::size_t>(std::max(shift, 0L));
    for (std::size_t r = skipped; r < table_.rows; ++r) {
      for (std::size_t c = 0; c < width_; ++c) {
        body(r * width_ + c, expected_[(r - skipped + ahead) * width_ + c]);
      }
    }
  }

  const NpyTable& table_;
  std::string convention_;
  std::size_t width_;
  std::vector<long double> expected_;  // (rows + shift, width)
};

int changes(const Match& match) { return (match.shift != 0) + (match.scale != 1.0); }

}  // namespace

std::vector<std::string> checked_encodings() {
  std::vector<std::string> names;
  for (const Family& family : families()) names.push_back(family.name);
  return names;
}

std::vector<Match> check_table(const NpyTable& table, const std::string& encoding,
                               std::size_t hidden) {
  const auto family = std::ranges::find(families(), encoding, &Family::name);
  if (family == families().end()) {
    throw UserError(unknown_word("encoding to check", encoding, checked_encodings()));
  }
  if (hidden != 0 && !family->by_position) {
    throw UserError(fmt::format("{} has no width to state; leave it out", encoding));
  }
  std::vector<Match> tried;
  for (const Candidate& candidate : family->candidates(table, hidden)) {
    const Comparison comparison(table, candidate, family->by_position ? 2 : 0);
    for (const long shift : {0, 1, 2, -1, -2}) {
      // A shift needs rows to tell.
      if (shift != 0 && (!family->by_position || table.rows <= 2)) continue;
      tried.push_back(comparison.match(shift, 1.0));
      if (!family->scales || table.values.size() == 1) continue;  // one number fits any scale
      const double scale = comparison.fitted_scale(shift);
      if (scale != 1.0 && scale != 0.0) tried.push_back(comparison.match(shift, scale));
    }
  }
  std::vector<Match> matches;
  std::ranges::copy_if(tried, std::back_inserter(matches),
                       [](const Match& match) { return !match.row; });
  if (matches.empty()) {
    // A table near zero is near every convention times almost nothing: errors count by scale.
    return {*std::ranges::min_element(
        tried, {}, [](const Match& match) { return match.error / std::abs(match.scale); })};
  }
  const int fewest = changes(*std::ranges::min_element(matches, {}, changes));
  std::erase_if(matches, [&](const Match& match) { return changes(match) != fewest; });
  return matches;
}

}  // namespace posbench
