// What the table of conformance says of the encodings here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "conformance/conformance.h"
#include "encoding/encoding.h"

namespace posbench {
namespace {

const std::vector<Conformance>& rows() {
  static const std::vector<Conformance> all = conformance();
  return all;
}

const Conformance& row_of(const std::string& encoding, const std::string& convention) {
  for (const Conformance& row : rows()) {
    if (row.encoding == encoding && row.convention == convention) return row;
  }
  throw std::out_of_range(encoding + " " + convention);
}

// Half a unit of f32 in the last place of a number of that size.
constexpr double kHalfUnit = 0x1p-25;  // of numbers up to 1

TEST(Conformance, EveryEncodingMakesWhatItsPaperSays) {
  for (const Conformance& row : rows()) {
    if (!row.error) {
      EXPECT_EQ(row.encoding + " " + row.convention, "sinusoid concat");
      continue;
    }
    // Biases reach 511/√2 < 512; buckets and rows are whole numbers.
    const double allowed = row.compared == "bias"                              ? 512 * kHalfUnit
                           : row.compared == "bucket" || row.compared == "row" ? 0.0
                                                                               : 1.01 * kHalfUnit;
    EXPECT_LE(*row.error, allowed) << row.encoding << " " << row.convention;
  }
}

TEST(Conformance, EveryConventionOfTheRegistryHasItsRow) {
  for (const EncodingAbout& about : encodings()) {
    const std::vector<std::string> others = {"shaw", "sinusoid_trainable"};
    if (std::ranges::count(others, about.name) > 0) continue;
    for (const std::string& convention : about.conventions) {
      EXPECT_TRUE(row_of(about.name, convention).error) << about.name << " " << convention;
    }
  }
}

TEST(Conformance, FrequenciesAreNoPermutationAndLayoutsAre) {
  // 512 × 768: 0.483, computed apart from this program.
  EXPECT_NEAR(row_of("sinusoid", "interleaved").permuted.value(), 0.483, 5e-4);
  EXPECT_EQ(row_of("sinusoid", "tensor2tensor").difference,
            row_of("sinusoid", "interleaved").permuted);
  for (const auto& [encoding, convention] : {std::pair{"sinusoid", "concat"},
                                             {"rope", "pairs"},
                                             {"rope", "halves"},
                                             {"transformer_xl", "concat"}}) {
    const Conformance& row = row_of(encoding, convention);
    EXPECT_EQ(row.permuted, 0.0) << encoding << " " << convention;
    EXPECT_GT(row.difference, 1.9) << encoding << " " << convention;
  }
  EXPECT_EQ(row_of("rope", "halves_quarter").permuted, std::nullopt);
}

TEST(Conformance, NeighboursOfBiasesAndRowsDifferByWhatArithmeticSays) {
  EXPECT_EQ(row_of("alibi", "causal").difference, 0.0);  // the mask hides where they differ
  EXPECT_EQ(row_of("alibi", "symmetric").difference, 2 * 0.5 * 511);
  EXPECT_GT(row_of("alibi", "H no power of two").difference, 100);
  EXPECT_EQ(row_of("t5_bias", "bidirectional").difference, 31);
  EXPECT_EQ(row_of("t5_bias", "causal").difference, 31);
  EXPECT_EQ(row_of("learned", "bert").difference, 2);
  EXPECT_EQ(row_of("learned", "tiled from 512").difference, 511);
  EXPECT_GT(row_of("tupe", "[CLS] untied").difference, 1);
  EXPECT_EQ(row_of("shaw", "clipped at 16").difference, 8);
}

TEST(Conformance, RowsHaveNamesOfTheirOwnAndOneEncodingsStandTogether) {
  std::set<std::string> names, left;
  std::string last;
  for (const Conformance& row : rows()) {
    EXPECT_TRUE(names.insert(row.encoding + " " + row.convention).second);
    if (row.encoding != last) {
      EXPECT_TRUE(left.insert(row.encoding).second);
    }
    last = row.encoding;
  }
}

}  // namespace
}  // namespace posbench
