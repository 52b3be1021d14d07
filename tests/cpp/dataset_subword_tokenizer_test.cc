// Words in pieces: what merges are learned, and what becomes of words.
#include "dataset/subword_tokenizer.h"

#include <numeric>

#include "base/random.h"
#include "dataset/merges.h"
#include "dataset_helpers.h"

namespace posbench {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::uint32_t> all_of(const Dataset& data) {
  std::vector<std::uint32_t> indices(data.examples.size());
  std::iota(indices.begin(), indices.end(), 0U);
  return indices;
}

Dataset of_words(const std::map<std::string, int>& counts) {
  Dataset data;
  for (const auto& [word, count] : counts) {
    data.examples.push_back({std::vector<std::string>(static_cast<std::size_t>(count), word), {}});
  }
  return data;
}

// Sennrich 2016, §3.2: low 5, lower 2, newest 6, widest 3.
const std::map<std::string, int> kSennrich = {
    {"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}};

std::vector<std::string> pieces(const Tokenizer& tokenizer, const std::string& word) {
  std::vector<std::int32_t> tokens;
  tokenizer.append(word, tokens);
  std::vector<std::string> names;
  for (const std::int32_t token : tokens) names.push_back(tokenizer.entry(token));
  return names;
}

std::string joined(const std::vector<Merge>& merges) {
  std::string text;
  for (const Merge& merge : merges) text += merge.left + "+" + merge.right + " ";
  return text;
}

std::vector<CountedWord> counted(const std::map<std::string, int>& words) {
  std::vector<CountedWord> all;
  for (const auto& [word, count] : words) {
    CountedWord one{{}, static_cast<std::size_t>(count)};
    for (const char c : word) one.symbols.emplace_back(1, c);
    one.symbols.emplace_back("</w>");
    all.push_back(one);
  }
  return all;
}

std::string concatenated(const std::string& left, const std::string& right) { return left + right; }

// By hand. The paper names the first three; ties (e s, s t, t </w> all stand 9 times) go by bytes.
TEST(Merges, AreThoseOfThePaper) {
  EXPECT_EQ(joined(learn_merges(counted(kSennrich), 4, concatenated)), "e+s es+t est+</w> l+o ");
}

// The slow way: count all pairs anew for every merge.
std::vector<Merge> merges_by_recounting(std::vector<CountedWord> words, std::size_t most) {
  std::vector<Merge> merges;
  while (merges.size() < most) {
    std::map<std::pair<std::string, std::string>, std::size_t> counts;
    for (const auto& word : words) {
      for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i) {
        counts[{word.symbols[i], word.symbols[i + 1]}] += word.count;
      }
    }
    auto best = counts.end();
    for (auto it = counts.begin(); it != counts.end(); ++it) {
      if (best == counts.end() || it->second > best->second) best = it;
    }
    if (best == counts.end() || best->second < 2) break;
    const auto [left, right] = best->first;
    merges.push_back({left, right, left + right});
    for (auto& word : words) {
      std::vector<std::string> merged;
      for (std::size_t i = 0; i < word.symbols.size(); ++i) {
        const bool here =
            i + 1 < word.symbols.size() && word.symbols[i] == left && word.symbols[i + 1] == right;
        merged.push_back(here ? left + right : word.symbols[i]);
        if (here) ++i;
      }
      word.symbols = merged;
    }
  }
  return merges;
}

TEST(Merges, AreThoseOfRecounting) {
  Random random(1, "merges");
  for (int round = 0; round < 20; ++round) {
    std::map<std::string, int> words;
    for (int i = 0; i < 60; ++i) {
      std::string word;
      const auto length = 1 + random.below(9);
      for (std::uint64_t c = 0; c < length; ++c) {
        word += static_cast<char>('a' + static_cast<char>(random.below(3)));
      }
      words[word] = static_cast<int>(1 + random.below(5));
    }
    EXPECT_EQ(joined(learn_merges(counted(words), 50, concatenated)),
              joined(merges_by_recounting(counted(words), 50)));
  }
}

TEST(Bpe, CutsAWordItHasNotSeen) {
  const Dataset data = of_words(kSennrich);
  // 5 special tokens, </w>, 10 letters, 4 merges: es, est, est</w>, lo.
  const BpeTokenizer tokenizer(data, all_of(data), 20);
  EXPECT_EQ(tokenizer.size(), 20u);
  EXPECT_THAT(pieces(tokenizer, "Lowest"), ElementsAre("lo", "w", "est</w>"));
  EXPECT_THAT(pieces(tokenizer, "zest"), ElementsAre("[UNK]", "est</w>"));
}

TEST(Bpe, PiecesAreTheWord) {
  Dataset data = of_words(kSennrich);
  const Example more = {{"我们", "今天", "café", "naïve", "don't"}, {}};
  data.examples.insert(data.examples.end(), {more, more});
  const BpeTokenizer tokenizer(data, all_of(data), 48);
  for (const std::string word : {"lowest", "newer", "wide", "cafe", "naive"}) {
    std::string text;
    for (const auto& piece : pieces(tokenizer, word)) text += piece;
    EXPECT_EQ(text, word + "</w>");
  }
  // By character, and by BERT's rules at the apostrophe.
  EXPECT_THAT(pieces(tokenizer, "我天"), ElementsAre("我", "</w>", "天", "</w>"));
  const auto parts = pieces(tokenizer, "don't");
  EXPECT_EQ(std::count(parts.begin(), parts.end(), "</w>") +
                std::count_if(parts.begin(), parts.end(),
                              [](const auto& p) { return p.size() > 4 && p.ends_with("</w>"); }),
            3);
}

// [UNK] occurs in training, for what is as good as unseen.
TEST(Bpe, ACharacterSeenOnceIsUnknown) {
  Dataset data = of_words(kSennrich);
  data.examples.push_back({{"lowß", "我", "我"}, {}});
  const BpeTokenizer tokenizer(data, all_of(data), 40);
  EXPECT_THAT(pieces(tokenizer, "lowß"), ElementsAre("low", "[UNK]", "</w>"));
  EXPECT_THAT(pieces(tokenizer, "我"), ElementsAre("我</w>"));
}

TEST(Bpe, TheDigestKnowsTheSize) {
  const Dataset data = of_words(kSennrich);
  EXPECT_NE(BpeTokenizer(data, all_of(data), 24).digest(),
            BpeTokenizer(data, all_of(data), 23).digest());
}

TEST(Bpe, NeedsRoomForTheCharacters) {
  const Dataset data = of_words(kSennrich);
  EXPECT_THAT(message_of<UserError>([&] { BpeTokenizer(data, all_of(data), 16); }),
              HasSubstr("a vocabulary of 16 has no room for the 16 characters"));
}

TEST(WordPiece, LearnsPiecesThatBeginAndPiecesThatGoOn) {
  const Dataset data = of_words(kSennrich);
  const WordPieceTokenizer tokenizer(data, all_of(data), 40);
  EXPECT_THAT(pieces(tokenizer, "low"), ElementsAre("low"));
  const auto lowest = pieces(tokenizer, "lowest");
  EXPECT_EQ(lowest.front(), "low");
  EXPECT_TRUE(lowest.back().starts_with("##"));
  EXPECT_THAT(pieces(tokenizer, "zest"), ElementsAre("[UNK]")) << "no piece begins with z";
}

TEST(WordPiece, PiecesAreTheWord) {
  Dataset data = of_words(kSennrich);
  data.examples.push_back({{"我们", "我们", "天"}, {}});
  const WordPieceTokenizer tokenizer(data, all_of(data), 32);
  for (const std::string word : {"lowest", "newer", "widest", "nest"}) {
    std::string text;
    for (const auto& piece : pieces(tokenizer, word)) {
      EXPECT_EQ(piece.starts_with("##"), !text.empty()) << piece;
      text += text.empty() ? piece : piece.substr(2);
    }
    EXPECT_EQ(text, word);
  }
  EXPECT_THAT(pieces(tokenizer, "们我天"), ElementsAre("们", "我", "[UNK]"))
      << "Chinese goes by character, and 天 was there once";
}

class BertVocabulary : public ScratchTest {
 protected:
  std::filesystem::path vocabulary(const std::string& lines) const {
    return write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" + lines);
  }
};

// The example of BERT's tokenization.py.
TEST_F(BertVocabulary, CutsTheLongestPieceFirst) {
  const WordPieceTokenizer tokenizer(
      vocabulary("want\n##want\n##ed\nwa\nun\nrunn\n##ing\n##aff\n##able\n,\n"));
  EXPECT_THAT(pieces(tokenizer, "unaffable"), ElementsAre("un", "##aff", "##able"));
  EXPECT_THAT(pieces(tokenizer, "UNwanted"), ElementsAre("un", "##want", "##ed"));
  EXPECT_THAT(pieces(tokenizer, "unwantedX"), ElementsAre("[UNK]"));
  EXPECT_THAT(pieces(tokenizer, "running,"), ElementsAre("runn", "##ing", ","));
  EXPECT_THAT(pieces(tokenizer, "\x01"), ElementsAre("[UNK]")) << "nothing is left of it";
  EXPECT_THAT(pieces(tokenizer, ""), ElementsAre("[UNK]"));
  EXPECT_EQ(tokenizer.special().mask, 4);
}

TEST_F(BertVocabulary, CutsNoWordOfMoreThanHundredCharacters) {
  const WordPieceTokenizer tokenizer(vocabulary("\u00DF\n##\u00DF\n"));
  std::string word;
  for (int i = 0; i < 100; ++i) word += "\u00DF";
  EXPECT_EQ(pieces(tokenizer, word).size(), 100u) << "characters, not bytes";
  EXPECT_THAT(pieces(tokenizer, word + "\u00DF"), ElementsAre("[UNK]"));
}

TEST_F(BertVocabulary, KeepsCaseWhereThePiecesHaveIt) {
  const WordPieceTokenizer tokenizer(vocabulary("Un\nun\n##want\n"));
  EXPECT_THAT(pieces(tokenizer, "Unwant"), ElementsAre("Un", "##want"));
  EXPECT_THAT(pieces(tokenizer, "unwant"), ElementsAre("un", "##want"));
}

TEST_F(BertVocabulary, RefusesWhatIsNone) {
  const auto message = [](const std::filesystem::path& file) {
    return message_of<UserError>([&] { WordPieceTokenizer tokenizer(file); });
  };
  EXPECT_THAT(message(vocabulary("a\nb\na\n")),
              HasSubstr("vocab.txt:8: 'a' stands on line 6 already"));
  EXPECT_THAT(message(vocabulary("a\n\nb\n")), HasSubstr("vocab.txt:7: an empty line"));
  EXPECT_THAT(message(write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n")),
              HasSubstr("no line [MASK]; is this a vocab.txt of BERT?"));
  EXPECT_THAT(message(write("vocab.txt", "")), HasSubstr("no line [PAD]"));
  EXPECT_THAT(message(folder / "nothing"), HasSubstr("cannot read"));
}

TEST(Tokenizers, AreFoundByKind) {
  const Dataset data = of_words(kSennrich);
  for (const std::string kind : {"words", "word_features", "bpe", "wordpiece"}) {
    const auto tokenizer = make_tokenizer({kind, 64, ""}, data, all_of(data));
    std::vector<std::int32_t> tokens;
    tokenizer->append("newest", tokens);
    EXPECT_FALSE(tokens.empty()) << kind;
    EXPECT_EQ(tokenizer->entry(tokenizer->special().mask), "[MASK]") << kind;
  }
  EXPECT_THAT(message_of<UserError>([&] {
                make_tokenizer({"wordpeace", 64, ""}, data, all_of(data));
              }),
              HasSubstr("unknown tokenizer 'wordpeace'; did you mean 'wordpiece'?"));
  EXPECT_THAT(message_of<UserError>([&] {
                make_tokenizer({"bpe", 64, "vocab.txt"}, data, all_of(data));
              }),
              HasSubstr("a vocabulary file is for wordpiece"));
}

TEST(Tokenizers, DependOnTheTrainingSideAlone) {
  const Dataset data = of_words(kSennrich);
  const auto training = all_of(data);
  auto reversed = training;
  std::reverse(reversed.begin(), reversed.end());
  Dataset leaked = data;
  leaked.examples.push_back({std::vector<std::string>(1000, "leaked"), {}});
  for (const std::string kind : {"words", "word_features", "bpe", "wordpiece"}) {
    const auto digest = [&](const Dataset& from, const std::vector<std::uint32_t>& side) {
      return make_tokenizer({kind, 64, ""}, from, side)->digest();
    };
    EXPECT_EQ(digest(data, reversed), digest(data, training)) << kind;
    EXPECT_EQ(digest(leaked, training), digest(data, training)) << kind;
    EXPECT_NE(digest(leaked, all_of(leaked)), digest(data, training)) << kind;
  }
}

// A passage that many questions share counts once.
TEST(Tokenizers, LearnFromPassagesToo) {
  Dataset data;
  const auto passage = std::make_shared<Passage>(Passage{"zebra", {"zebra"}, {{0, 5}}});
  for (int i = 0; i < 3; ++i) {
    data.examples.push_back({{"yak"}, {}, 0, passage, {}});
  }
  const WordTokenizer tokenizer(data, all_of(data), 32);
  EXPECT_EQ(tokenizer.entry(5), "yak");
  EXPECT_EQ(tokenizer.entry(6), "zebra");
}

}  // namespace
}  // namespace posbench
