// The schemes of chunk labels say the same in other letters.
#include "dataset/chunk_schemes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace posbench {
namespace {
using testing::HasSubstr;
using Labels = std::vector<std::string>;

// The other way round, from chunks: written apart from the code that reads them.
struct Chunk {
  std::size_t first, last;
  std::string type;
};

Labels written(const std::vector<Chunk>& chunks, std::size_t words, const std::string& scheme) {
  Labels labels(words, "O");
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    const Chunk& chunk = chunks[c];
    const bool touches =
        c > 0 && chunks[c - 1].last + 1 == chunk.first && chunks[c - 1].type == chunk.type;
    for (std::size_t i = chunk.first; i <= chunk.last; ++i) {
      const bool first = i == chunk.first, last = i == chunk.last;
      std::string mark = "I";
      if (scheme == "iob1") {
        if (first && touches) mark = "B";
      } else if (scheme == "iob2") {
        if (first) mark = "B";
      } else {
        mark = first && last ? "S" : first ? "B" : last ? "E" : scheme == "bmes" ? "M" : "I";
      }
      labels[i] = mark + "-" + chunk.type;
    }
  }
  return labels;
}

TEST(ChunkSchemes, AllBecomeTheSameIob2) {
  Random random(1, "chunks");
  for (int round = 0; round < 300; ++round) {
    const std::size_t words = 1 + random.below(12);
    std::vector<Chunk> chunks;
    for (std::size_t i = 0; i < words;) {
      if (random.below(3) == 0) {
        ++i;
        continue;
      }
      const std::size_t last = std::min(words - 1, i + random.below(4));
      chunks.push_back({i, last, random.below(2) == 0 ? "NP" : "V-P"});
      i = last + 1;
    }
    const Labels iob2 = written(chunks, words, "iob2");
    for (const std::string scheme : {"iob1", "iob2", "bmes", "bioes"}) {
      EXPECT_EQ(to_iob2(written(chunks, words, scheme), scheme), iob2) << scheme;
    }
  }
}

TEST(ChunkSchemes, WhatAreNoLabelsOfTheSchemeIsNamed) {
  struct Broken {
    const char* scheme;
    Labels labels;
    std::size_t word;
    const char* what;
  };
  const std::vector<Broken> all = {
      {"iob2", {"O", "I-NP"}, 1, "is the file IOB1?"},
      {"iob2", {"B-NP", "I-VP"}, 1, "goes on with a chunk that did not begin"},
      {"iob1", {"B-NP", "I-NP"}, 0, "is the file IOB2?"},
      {"iob2", {"B-NP", "NP"}, 1, "is neither O nor one of BI"},
      {"iob2", {"B-"}, 0, "is neither O nor one of BI"},
      {"bmes", {"B-x", "I-x"}, 1, "is neither O nor one of BMES"},
      {"bmes", {"B-x", "O"}, 1, "inside a chunk x that has no end"},
      {"bmes", {"M-x"}, 0, "goes on with a chunk that did not begin"},
      {"bmes", {"B-x", "E-y"}, 1, "goes on with a chunk that did not begin"},
      {"bioes", {"B-x", "S-x"}, 1, "inside a chunk x that has no end"},
      {"bioes", {"O", "B-x"}, 1, "the sentence ends inside a chunk x"}};
  for (const Broken& one : all) {
    try {
      to_iob2(one.labels, one.scheme);
      ADD_FAILURE() << one.what;
    } catch (const SchemeError& error) {
      EXPECT_EQ(error.word, one.word) << one.what;
      EXPECT_THAT(error.what, HasSubstr(one.what));
    }
  }
}

}  // namespace
}  // namespace posbench
