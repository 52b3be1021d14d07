// Every encoding in every convention against vectors of 50 digits
// (tests/golden/make_encoding_golden.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "encoding/alibi.h"
#include "encoding/encoding.h"
#include "encoding/fill.h"
#include "encoding/t5_bias.h"
#include "golden_helpers.h"
#include "kernel/attention.h"

namespace posbench {
namespace {
using nlohmann::json;
using Doubles = std::vector<double>;

EncodingOptions options_of(const json& file) {
  return {.convention = file.at("convention"),
          .hidden = file.value("hidden", 1),
          .heads = file.value("heads", 1),
          .causal = file.at("causal"),
          .max_length = file.value("rows", 1)};
}

Doubles flat(const json& rows) {
  Doubles numbers;
  for (const auto& row : rows) {
    for (const double number : row) numbers.push_back(number);
  }
  return numbers;
}

template <class Real>
void expect_near(const std::vector<Real>& found, const Doubles& expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(found[i]), expected[i], tolerance) << i;
  }
}

// What one head or more make of queries, keys and values that a formula gives, with the encoding's
// rotation and terms.
template <class Real>
std::vector<Real> context_of(const json& file) {
  const EncodingOptions options = options_of(file);
  const auto n = static_cast<std::size_t>(options.max_length);
  const auto d = static_cast<std::size_t>(options.hidden);
  const auto encoding = make_encoding<Real>(file.at("encoding"), options);
  const auto shared = by_formula<Real>("position", 0, encoding->shared_size().count());
  const auto layer = by_formula<Real>("layer0.position", 0, encoding->layer_size().count());
  auto qkv = by_formula<Real>("qkv", 0, n * 3 * d);
  std::vector<std::int32_t> positions(n);
  std::iota(positions.begin(), positions.end(), 0);
  if (const Rotation<Real>* rotation = encoding->rotation()) {
    rotate(*rotation, positions, options.hidden, options.heads, nullptr, qkv.data());
  }
  encoding->begin_pass({shared.data(), {layer.data()}}, n, false);
  const std::vector<std::int32_t> offsets = {0, options.max_length};
  const AttentionShape shape{offsets, {}, options.hidden, options.heads, options.causal};
  const ScoreTerms<Real> terms = encoding->terms(0);
  std::vector<Real> scratch(attention_scratch(shape, terms)), context(n * d);
  attention(shape, qkv.data(), nullptr, terms, scratch.data(), static_cast<Real*>(nullptr),
            context.data());
  return context;
}

// What an encoding of the input sum adds, in the columns that the file has.
template <class Real>
void expect_rows(const json& file, double tolerance) {
  for (const json& cell : file.at("cells")) {
    EncodingOptions options = options_of(file);
    options.hidden = cell.at("hidden");
    options.max_length = cell.at("positions").back().get<int>() + 1;
    const auto encoding = make_encoding<Real>(file.at("encoding"), options);
    std::vector<Real> shared(encoding->shared_size().count());
    encoding->initialize(shared.data());
    const std::vector<std::int32_t> positions = cell.at("positions");
    const auto d = static_cast<std::size_t>(options.hidden);
    std::vector<Real> x(positions.size() * d, Real{0}), found;
    encoding->forward(shared.data(), positions, x.data());
    for (std::size_t row = 0; row < positions.size(); ++row) {
      for (const std::size_t column : cell.at("columns")) found.push_back(x[row * d + column]);
    }
    expect_near(found, flat(cell.at("rows")), tolerance);
  }
}

class GoldenVector : public testing::TestWithParam<std::string> {};

// Sines of angles up to 4,095 in f64 lose 12 bits; f32 tables are f64 rounded.
TEST_P(GoldenVector, IsWhatTheEncodingGives) {
  const json file = golden(GetParam());
  if (file.contains("cells")) {
    expect_rows<double>(file, 1e-12);
    expect_rows<float>(file, 0x1p-24);
  } else if (file.contains("context")) {
    expect_near(context_of<double>(file), flat(file.at("context")), 1e-13);
    expect_near(context_of<float>(file), flat(file.at("context")), 1e-5);
  } else {
    ASSERT_TRUE(file.contains("fills"));
  }
}

INSTANTIATE_TEST_SUITE_P(Encodings, GoldenVector, testing::ValuesIn(golden_names("encodings")),
                         [](const auto& which) { return word_of(which.param); });

TEST(GoldenVectors, OfLearnedRowsAndTheirFills) {
  for (const std::string convention : {"bert", "roberta"}) {
    const json file = golden("encodings/learned-" + convention);
    const EncodingOptions options = options_of(file);
    const auto encoding = make_encoding<double>("learned", options);
    const auto rows = static_cast<std::size_t>(options.max_length);
    const auto d = static_cast<std::size_t>(options.hidden);
    std::set<std::string> told;
    for (const auto& [fill, expected] : file.at("fills").items()) {
      told.insert(fill);
      auto table = by_formula<double>("position", 0, encoding->shared_size().count());
      double* first = table.data() + (table.size() - rows * d);
      fill_rows(fill, file.at("trained"), rows, d, first);
      std::vector<std::int32_t> positions(rows);
      std::iota(positions.begin(), positions.end(), 0);
      Doubles x(rows * d, 0.0);
      encoding->forward(table.data(), positions, x.data());
      expect_near(x, flat(expected), 1e-15);
    }
    EXPECT_EQ(told, std::set<std::string>(fills().begin(), fills().end()));
  }
}

TEST(GoldenVectors, OfAlibisSlopes) {
  const json file = golden("encodings/alibi");
  for (const auto& [heads, slopes] : file.at("slopes").items()) {
    expect_near(alibi_slopes(std::stoi(heads)), slopes, 1e-16);
  }
}

TEST(GoldenVectors, OfT5sBuckets) {
  for (const bool causal : {false, true}) {
    const json file = golden(causal ? "encodings/t5_bias-causal" : "encodings/t5_bias");
    const std::vector<int> expected = file.at("buckets");
    const int first = file.at("first_distance");
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(t5_bucket(first + static_cast<long>(i), causal), expected[i]) << i;
    }
  }
}

// Fixed random rows have no formula.
TEST(GoldenVectors, ThereIsOneForEveryConvention) {
  std::set<std::pair<std::string, std::string>> found;
  for (const std::string& name : golden_names("encodings")) {
    const json file = golden(name);
    found.emplace(file.at("encoding").get<std::string>(), file.at("convention").get<std::string>());
  }
  for (const EncodingAbout& about : encodings()) {
    if (about.name == "random_frozen") continue;
    const std::vector<std::string> one = {""};
    for (const std::string& convention : about.conventions.empty() ? one : about.conventions) {
      EXPECT_TRUE(found.contains({about.name, convention})) << about.name << " " << convention;
    }
  }
}

}  // namespace
}  // namespace posbench
