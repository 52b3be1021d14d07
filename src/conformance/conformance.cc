#include "conformance/conformance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "conformance/reference.h"
#include "encoding/encoding.h"
#include "encoding/fill.h"

namespace posbench {
namespace {
using reference::Row;

constexpr long kLength = 512;                   // of most tables
constexpr std::size_t kSinusoid = 768;          // d of BERT-base
constexpr std::size_t kHead = 64;               // columns of a head
constexpr long kRotated = 128;                  // positions of R_t, which has kHead² elements
constexpr std::size_t kRows = kLength;          // as a count
constexpr long kReach = kLength - 1;            // farthest key of a query
constexpr std::size_t kBoth = 2 * kLength - 1;  // distances on both sides

struct Values {
  std::size_t columns;
  std::vector<long double> values;  // (rows, columns)
};

Values tabulate(const Row& row, std::size_t rows, std::size_t columns) {
  Values table{columns, std::vector<long double>(rows * columns)};
  const std::span<long double> all(table.values);
  for (std::size_t r = 0; r < rows; ++r) {
    row(static_cast<long>(r), all.subspan(r * columns, columns));
  }
  return table;
}

// The values as floats have them.
template <class Floats>
Values table_of(const Floats& floats, std::size_t columns) {
  return {columns, {floats.begin(), floats.end()}};
}

// What stands in a row for the distances from −kReach on.
Row by_distance(const std::function<long double(long row, long distance)>& value) {
  return [value](long r, std::span<long double> row) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = value(r, static_cast<long>(i) - kReach);
  };
}

// Infinite where one of them is no number.
double largest_difference(const Values& a, const Values& b) {
  long double largest = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const long double difference = std::abs(a.values[i] - b.values[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference);
  }
  return static_cast<double>(largest);
}

Values with_columns(const Values& table, const std::vector<std::size_t>& order) {
  Values out = table;
  for (std::size_t at = 0; at < table.values.size(); at += table.columns) {
    for (std::size_t c = 0; c < table.columns; ++c)
      out.values[at + c] = table.values[at + order[c]];
  }
  return out;
}

// The other way round.
std::vector<std::size_t> inverse(const std::vector<std::size_t>& order) {
  std::vector<std::size_t> back(order.size());
  for (std::size_t c = 0; c < order.size(); ++c) back[order[c]] = c;
  return back;
}

std::vector<std::size_t> unchanged(std::size_t columns) {
  std::vector<std::size_t> order(columns);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

// The order of the elements of a matrix whose rows and columns both take `order`.
std::vector<std::size_t> of_matrix(const std::vector<std::size_t>& order) {
  std::vector<std::size_t> elements;
  for (const std::size_t row : order) {
    for (const std::size_t column : order) elements.push_back(row * order.size() + column);
  }
  return elements;
}

struct Neighbour {
  std::string name;
  Row row;
  std::vector<std::size_t> order = {};  // of its columns; empty: no permutation could help
};

// Fills in what `about` leaves open. `made` may be null: no encoding here has the convention.
Conformance compare(Conformance about, std::size_t rows, std::size_t columns, const Row& own,
                    const Values* made, const Neighbour& neighbour) {
  const Values expected = tabulate(own, rows, columns);
  const Values other = tabulate(neighbour.row, rows, columns);
  if (made != nullptr) about.error = largest_difference(*made, expected);
  about.neighbour = neighbour.name;
  about.difference = largest_difference(other, expected);
  if (!neighbour.order.empty()) {
    about.permuted = largest_difference(with_columns(other, neighbour.order), expected);
  }
  return about;
}

std::vector<std::int32_t> positions(std::size_t rows) {
  std::vector<std::int32_t> ids(rows);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

Values made_rows(const std::string& convention) {
  const auto encoding = make_encoding<float>(
      "sinusoid", {.convention = convention, .hidden = kSinusoid, .max_length = kLength});
  std::vector<float> x(kRows * kSinusoid);
  encoding->forward(nullptr, positions(kRows), x.data());
  return table_of(x, kSinusoid);
}

void add_sinusoids(std::vector<Conformance>& rows) {
  const Row paper = reference::sinusoid({.halves = false, .tensor2tensor = false}, kSinusoid);
  const Row concat = reference::sinusoid({.halves = true, .tensor2tensor = false}, kSinusoid);
  const Row tensor = reference::sinusoid({.halves = true, .tensor2tensor = true}, kSinusoid);
  const auto turns = reference::turns_of_halves(kSinusoid);
  const auto about = [](const char* convention, const char* used_by) {
    return Conformance{
        "sinusoid", convention, used_by, "table", fmt::format("L {}, d {}", kLength, kSinusoid),
        {},         "",         0,       {}};
  };
  const Values made = made_rows("interleaved"), made_tensor = made_rows("tensor2tensor");
  rows.push_back(compare(about("interleaved", "Vaswani 2017; OpenNMT-py SinusoidalInterleaved"),
                         kRows, kSinusoid, paper, &made, {"tensor2tensor", tensor, turns}));
  // Among the encodings here, transformer_xl alone has this layout, of distances.
  rows.push_back(compare(about("concat", "Transformer-XL"), kRows, kSinusoid, concat, nullptr,
                         {"interleaved", paper, inverse(turns)}));
  rows.push_back(compare(about("tensor2tensor", "tensor2tensor; fairseq"), kRows, kSinusoid, tensor,
                         &made_tensor, {"concat", concat, unchanged(kSinusoid)}));
}

// R_t of the queries, as the rotation turns the unit vectors.
Values made_rotations(const std::string& convention) {
  const auto encoding = make_encoding<float>(
      "rope", {.convention = convention, .hidden = kHead, .max_length = kRotated});
  std::vector<float> all;
  for (std::int32_t t = 0; t < kRotated; ++t) {
    std::vector<float> qkv(kHead * 3 * kHead);
    for (std::size_t j = 0; j < kHead; ++j) qkv[j * 3 * kHead + j] = 1.0f;
    rotate(*encoding->rotation(), std::vector<std::int32_t>(kHead, t), kHead, 1, nullptr,
           qkv.data());
    for (std::size_t j = 0; j < kHead; ++j) {
      const float* query = qkv.data() + j * 3 * kHead;
      all.insert(all.end(), query, query + kHead);
    }
  }
  return table_of(all, kHead * kHead);
}

void add_ropes(std::vector<Conformance>& rows) {
  const Row pairs = reference::rope({.pairs = true, .rotated = kHead}, kHead);
  const Row halves = reference::rope({.pairs = false, .rotated = kHead}, kHead);
  const Row quarter = reference::rope({.pairs = false, .rotated = kHead / 4}, kHead);
  const auto turns = reference::turns_of_halves(kHead);
  const auto add = [&](const char* convention, const char* used_by, const Row& own,
                       const Neighbour& neighbour) {
    const Values made = made_rotations(convention);
    rows.push_back(compare({"rope",
                            convention,
                            used_by,
                            "rotation",
                            fmt::format("L {}, head {}", kRotated, kHead),
                            {},
                            "",
                            0,
                            {}},
                           static_cast<std::size_t>(kRotated), kHead * kHead, own, &made,
                           neighbour));
  };
  add("pairs", "RoFormer; GPT-J", pairs, {"halves", halves, of_matrix(turns)});
  add("halves", "GPT-NeoX", halves, {"pairs", pairs, of_matrix(inverse(turns))});
  add("halves_quarter", "", quarter, {"halves", halves});
}

Row alibi(const std::vector<long double>& slopes, bool symmetric) {
  return by_distance([slopes, symmetric](long head, long distance) {
    const long steps = symmetric ? std::abs(distance) : -distance;
    return -slopes[static_cast<std::size_t>(head)] * static_cast<long double>(steps);
  });
}

void add_alibis(std::vector<Conformance>& rows) {
  // `width` columns: the distances up to 0, which a causal mask leaves, or all.
  const auto add = [&](const char* convention, const char* used_by, std::size_t heads,
                       std::size_t width, const Row& own, const Neighbour& neighbour) {
    const auto encoding = make_encoding<float>("alibi", {.hidden = static_cast<int>(heads),
                                                         .heads = static_cast<int>(heads),
                                                         .causal = width == kRows,
                                                         .max_length = kLength});
    const float* bias = encoding->terms(0).by_distance.values;
    Values made{width, {}};
    for (std::size_t h = 0; h < heads; ++h) {
      made.values.insert(made.values.end(), bias + h * kBoth, bias + h * kBoth + width);
    }
    rows.push_back(compare({"alibi",
                            convention,
                            used_by,
                            "bias",
                            fmt::format("L {}, H {}", kLength, heads),
                            {},
                            "",
                            0,
                            {}},
                           heads, width, own, &made, neighbour));
  };
  const auto eight = reference::alibi_slopes(8), twelve = reference::alibi_slopes(12);
  add("causal", "Press 2022", 8, kRows, alibi(eight, false), {"symmetric", alibi(eight, true)});
  add("symmetric", "", 8, kBoth, alibi(eight, true),
      {"causal, without its mask", alibi(eight, false)});
  add("H no power of two", "Press 2022's get_slopes", 12, kRows, alibi(twelve, false),
      {"slopes 2^(−8h/H)", alibi(reference::alibi_geometric_slopes(12), false)});
}

void add_t5(std::vector<Conformance>& rows) {
  const auto buckets = [](bool causal) {
    return by_distance([causal](long /*row*/, long distance) {
      return static_cast<long double>(reference::t5_bucket(distance, causal));
    });
  };
  for (const bool causal : {false, true}) {
    const auto encoding =
        make_encoding<float>("t5_bias", {.hidden = 1, .causal = causal, .max_length = kLength});
    // A bucket's number is the number of the bucket, so that the bias shows which one it takes.
    std::vector<float> shared(encoding->shared_size().count());
    std::iota(shared.begin(), shared.end(), 0.0f);
    encoding->begin_pass({shared.data(), {}}, kRows, false);
    const float* bias = encoding->terms(0).by_distance.values;
    const Values made = table_of(std::span(bias, kBoth), kBoth);
    rows.push_back(compare({"t5_bias",
                            causal ? "causal" : "bidirectional",
                            causal ? "T5, decoder" : "T5, encoder",
                            "bucket",
                            fmt::format("L {}", kLength),
                            {},
                            "",
                            0,
                            {}},
                           1, kBoth, buckets(causal), &made,
                           {causal ? "bidirectional" : "causal", buckets(!causal)}));
  }
}

// Which row of a table a position takes.
void add_learned(std::vector<Conformance>& rows) {
  const auto row_of = [](const std::function<long(long)>& taken) -> Row {
    return [taken](long t, std::span<long double> row) {
      row[0] = static_cast<long double>(taken(t));
    };
  };
  const auto add = [&](const char* convention, const char* used_by, int length, const Values& made,
                       const Row& own, const Neighbour& neighbour) {
    rows.push_back(
        compare({"learned", convention, used_by, "row", fmt::format("L {}", length), {}, "", 0, {}},
                static_cast<std::size_t>(length), 1, own, &made, neighbour));
  };
  const auto made_rows = [](const std::string& convention) {
    const auto encoding = make_encoding<float>(
        "learned", {.convention = convention, .hidden = 1, .max_length = kLength});
    std::vector<float> shared(encoding->shared_size().count()), x(kRows);
    std::iota(shared.begin(), shared.end(), 0.0f);
    encoding->forward(shared.data(), positions(kRows), x.data());
    return table_of(x, 1);
  };
  const Row bert = row_of([](long t) { return t; }), roberta = row_of([](long t) { return t + 2; });
  add("bert", "BERT", kLength, made_rows("bert"), bert, {"roberta", roberta});
  add("roberta", "RoBERTa", kLength, made_rows("roberta"), roberta, {"bert", bert});
  constexpr long kLong = 4096;
  std::vector<float> table(kLong);
  std::iota(table.begin(), table.end(), 0.0f);
  fill_rows("tile", kRows, kLong, 1, table.data());
  add("tiled from 512", "Longformer", kLong, table_of(table, 1),
      row_of([](long t) { return t % kLength; }),
      {"the last row repeated", row_of([](long t) { return std::min(t, kReach); })});
}

void add_shaw(std::vector<Conformance>& rows) {
  const auto clipped = [](long reach) {
    return by_distance([reach](long /*row*/, long distance) {
      return static_cast<long double>(std::clamp(distance, -reach, reach));
    });
  };
  // The first row for the keys' vectors, the second for the values'; each vector is its distance.
  const auto encoding =
      make_encoding<float>("shaw", {.convention = "keys_values", .hidden = 1, .max_length = 512});
  std::vector<float> vectors(encoding->layer_size().count());
  const std::size_t each = vectors.size() / 2;
  const auto reach = static_cast<long>(each / 2);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    vectors[i] = static_cast<float>(static_cast<long>(i % each) - reach);
  }
  encoding->begin_pass({nullptr, {vectors.data()}}, kRows, false);
  const ScoreTerms<float> terms = encoding->terms(0);
  const Values made = tabulate(
      [&](long row, std::span<long double> values) {
        const RelativeVectors<float>& term = row == 0 ? terms.keys : terms.values;
        by_distance([&](long /*row*/, long distance) {
          return term.values[term.reach + std::clamp(distance, -term.reach, term.reach)];
        })(row, values);
      },
      2, kBoth);
  rows.push_back(compare({"shaw",
                          "clipped at 16",
                          "Shaw 2018, base",
                          "row",
                          fmt::format("L {}", kLength),
                          {},
                          "",
                          0,
                          {}},
                         2, kBoth, clipped(16), &made,
                         {"clipped at 8, as Shaw's big", clipped(8)}));
}

void add_transformer_xl(std::vector<Conformance>& rows) {
  const auto encoding =
      make_encoding<float>("transformer_xl", {.hidden = kHead, .max_length = kLength});
  std::vector<float> values(encoding->layer_size().count());
  for (std::size_t i = 0; i < kHead; ++i) values[i * kHead + i] = 1.0f;  // W_R = 1, u = v = 0
  encoding->begin_pass({nullptr, {values.data()}}, kRows, false);
  const Values made = table_of(std::span(encoding->terms(0).keys.values, kBoth * kHead), kHead);
  // Rows by key − query, R by query − key.
  const auto of_distance = [](bool halves) -> Row {
    const Row row = reference::sinusoid({.halves = halves, .tensor2tensor = false}, kHead);
    return [row](long r, std::span<long double> out) { row(kReach - r, out); };
  };
  rows.push_back(
      compare({"transformer_xl",
               "concat",
               "Transformer-XL",
               "table",
               fmt::format("L {}, d {}", kLength, kHead),
               {},
               "",
               0,
               {}},
              kBoth, kHead, of_distance(true), &made,
              {"interleaved", of_distance(false), inverse(reference::turns_of_halves(kHead))}));
}

// Scores of places for trained values that are sines of their numbers.
void add_tupe(std::vector<Conformance>& rows) {
  constexpr reference::TupeForm kForm{.length = 64, .hidden = kHead, .heads = 4};
  const auto encoding = make_encoding<float>(
      "tupe", {.hidden = kHead, .heads = static_cast<int>(kForm.heads), .max_length = 64});
  std::vector<float> values(encoding->shared_size().count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = std::sin(static_cast<float>(i % 1000));
  }
  encoding->begin_pass({values.data(), {}}, kForm.length, false);
  const ScoreTerms<float> terms = encoding->terms(0);
  const std::size_t width = kForm.length * kForm.length;
  const Values made = table_of(std::span(terms.by_place.values, kForm.heads * width), width);
  const std::vector<long double> given(values.begin(), values.end());
  rows.push_back(compare({"tupe",
                          "[CLS] untied",
                          "Ke 2021",
                          "bias",
                          fmt::format("L {}, d {}, H {}", kForm.length, kForm.hidden, kForm.heads),
                          {},
                          "",
                          0,
                          {}},
                         kForm.heads, width, reference::tupe(kForm, given, true), &made,
                         {"[CLS] tied", reference::tupe(kForm, given, false)}));
}

}  // namespace

std::vector<Conformance> conformance() {
  std::vector<Conformance> rows;
  add_sinusoids(rows);
  add_ropes(rows);
  add_alibis(rows);
  add_t5(rows);
  add_learned(rows);
  add_shaw(rows);
  add_transformer_xl(rows);
  add_tupe(rows);
  return rows;
}

}  // namespace posbench
