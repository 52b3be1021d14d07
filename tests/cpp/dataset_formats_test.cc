// Readers of formats that users bring, against small files written by hand, broken ones among them,
// and against real files where POSBENCH_TEST_DATA has them.
#include <cstdlib>

#include "dataset_helpers.h"

namespace posbench {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using namespace std::string_literals;

class Formats : public ScratchTest {
 protected:
  Dataset read(const std::string& reader, const std::string& text,
               const json& options = json::object()) const {
    return read_files(reader, {write("a.txt", text)}, options);
  }
  std::string error(const std::string& reader, const std::string& text,
                    const json& options = json::object()) const {
    return message_of<UserError>([&] { read(reader, text, options); });
  }
};

std::vector<std::string> label_names(const Dataset& data, std::size_t example = 0) {
  std::vector<std::string> names;
  for (const std::int32_t label : data.examples.at(example).labels) {
    names.push_back(data.labels.at(static_cast<std::size_t>(label)));
  }
  return names;
}

// What no reader may take for text, whatever the format.
TEST_F(Formats, BrokenFilesAreErrorsInEveryReader) {
  for (const ReaderAbout& about : readers()) {
    if (about.name.starts_with("order_")) continue;  // generated
    EXPECT_THAT(error(about.name, "\x1F\x8B\x08junk"), HasSubstr("gzip file")) << about.name;
    EXPECT_THAT(error(about.name, "a\0b\n"s), HasSubstr("a.txt:1:2: a NUL byte")) << about.name;
    EXPECT_THAT(error(about.name, "\xFFoo\n"), HasSubstr("a.txt:1:1: byte 0xff")) << about.name;
    EXPECT_THAT(message_of<UserError>([&] { read_files(about.name, {folder / "none"}); }),
                HasSubstr("none"))
        << about.name;
  }
}

TEST_F(Formats, LabelText) {
  const Dataset data = read("label_text", "1 a good film .\n\n0 Don't go!\n");
  EXPECT_THAT(data.labels, ElementsAre("0", "1"));
  EXPECT_THAT(data.examples[0].words, ElementsAre("a", "good", "film", "."));
  EXPECT_THAT(data.examples[1].words, ElementsAre("Don't", "go!"));
  EXPECT_EQ(data.documents.size(), 2u);
  EXPECT_THAT(read("label_text", "0 Don't", {{"tokenize", true}}).examples[0].words,
              ElementsAre("Don", "'", "t"));
  EXPECT_THAT(error("label_text", "1 a\n1\n"), EndsWith("a.txt:2:1: no text behind the label '1'"));
  EXPECT_THAT(error("label_text", "1   \n"), EndsWith("a.txt:1:1: no text behind the label '1'"));
  EXPECT_THAT(error("label_text", " 1 a\n"), HasSubstr("a.txt:1:1: a blank where the label"));
}

TEST_F(Formats, DelimitedCells) {
  const std::string csv =
      "id,text,label\n1,\"two\nlines, \"\"quoted\"\"\",x\n\n2,plain \"inside\" it,y\n";
  const Dataset data = read("delimited", csv, {{"delimiter", ","}});
  EXPECT_THAT(data.examples[0].words, ElementsAre("two", "lines", ",", "\"", "quoted", "\""));
  EXPECT_THAT(data.examples[1].words, ElementsAre("plain", "\"", "inside", "\"", "it"));
  EXPECT_THAT(data.labels, ElementsAre("x", "y"));
  EXPECT_THAT(data.documents, ElementsAre("a.txt:2", "a.txt:5"));
  const Dataset tsv =
      read("delimited", "a b\tx\nc\ty\n", {{"header", false}, {"text", "1"}, {"label", "2"}});
  EXPECT_THAT(tsv.examples[0].words, ElementsAre("a", "b"));
  EXPECT_THAT(read("delimited", "text\tlabel\n\"a\tx\n", {{"quotes", false}}).examples[0].words,
              ElementsAre("\"", "a"));
}

TEST_F(Formats, DelimitedErrors) {
  const auto csv = [&](const std::string& rows) {
    return error("delimited", "text,label\n" + rows, {{"delimiter", ","}});
  };
  EXPECT_THAT(csv("a,b\na,b,c\n"), EndsWith("a.txt:3: 3 cells in a row; the first has 2"));
  EXPECT_THAT(csv("a,b\n\"a,b\n"), EndsWith("a.txt:3: a quote that nothing closes"));
  EXPECT_THAT(csv("\"a\"b,c\n"), HasSubstr("a.txt:2:3: text behind the closing quote"));
  EXPECT_THAT(csv(",c\n"), EndsWith("a.txt:2: a row without text"));
  EXPECT_THAT(csv("c,\n"), EndsWith("a.txt:2: a row without a label"));
  EXPECT_THAT(error("delimited", "txt,label\na,b\n", {{"delimiter", ","}}),
              HasSubstr("unknown column 'text'; did you mean 'txt'?"));
  EXPECT_THAT(error("delimited", "a\tb\n", {{"header", false}, {"text", "3"}}),
              HasSubstr("no column '3'; there are 1 to 2"));
  EXPECT_THAT(error("delimited", "a\n", {{"delimiter", "--"}}), HasSubstr("is one character"));
}

TEST_F(Formats, Conll) {
  const Dataset data =
      read("conll", "The DT B-NP\ncat NN I-NP\nsat VBD O\n\nIt PRP B-NP\n\n", {{"scheme", "iob2"}});
  EXPECT_THAT(data.examples[0].words, ElementsAre("The", "cat", "sat"));
  EXPECT_THAT(label_names(data), ElementsAre("B-NP", "I-NP", "O"));
  EXPECT_THAT(data.documents, ElementsAre("a.txt:1")) << "one block";
  EXPECT_THAT(label_names(read("conll", "a x B\nb y C", {{"label", 2}})), ElementsAre("x", "y"));
  EXPECT_THAT(read("conll", "a b\n\nc d\n\n\ne f\n", {{"block", 2}}).documents,
              ElementsAre("a.txt:1", "a.txt:6"));
  const Dataset marked = read("conll",
                              "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\n\nno DT O O\n\n"
                              "-DOCSTART- -X- O O\n\nRome NNP I-NP I-LOC\nItaly NNP I-NP B-LOC\n",
                              {{"scheme", "iob1"}});
  EXPECT_THAT(marked.documents, ElementsAre("a.txt:1", "a.txt:7"));
  EXPECT_THAT(label_names(marked, 2), ElementsAre("B-LOC", "B-LOC"));
  // A word a character, as Chinese comes.
  EXPECT_THAT(label_names(read("conll", "北 B-LOC\n京 E-LOC\n好 O\n", {{"scheme", "bmes"}})),
              ElementsAre("B-LOC", "I-LOC", "O"));
}

TEST_F(Formats, ConllErrors) {
  EXPECT_THAT(error("conll", "a b c\n\nd e\n"),
              EndsWith("a.txt:3:1: 2 columns where the lines before have 3"));
  EXPECT_THAT(error("conll", "a b\n", {{"label", 4}}),
              EndsWith("a.txt:1:1: 2 columns; the manifest asks for column 4"));
  EXPECT_THAT(error("conll", "a O\nb I-X\n", {{"scheme", "iob2"}}),
              HasSubstr("a.txt:2: 'I-X' goes on with a chunk that did not begin"));
  EXPECT_THAT(error("conll", "a O\n", {{"scheme", "iob3"}}), HasSubstr("unknown scheme 'iob3'"));
  EXPECT_THAT(error("conll", "a O\n", {{"word", 0}}), HasSubstr("columns count from 1"));
}

std::string conllu_line(const std::string& id, const std::string& form, const std::string& upos) {
  return id + "\t" + form + "\t_\t" + upos + "\tXP\t_\t0\troot\t_\t_\n";
}

TEST_F(Formats, Conllu) {
  const std::string text = "# newdoc id = one\n# text = …\n" + conllu_line("1-2", "vámonos", "_") +
                           conllu_line("1", "vamos", "VERB") + conllu_line("2", "nos", "PRON") +
                           conllu_line("2.1", "x", "VERB") + "\n# newdoc id = two\n" +
                           conllu_line("1", "a b", "X") + "\n";
  const Dataset data = read("conllu", text);
  EXPECT_THAT(data.examples[0].words, ElementsAre("vamos", "nos"));
  EXPECT_THAT(label_names(data), ElementsAre("VERB", "PRON"));
  EXPECT_THAT(data.examples[1].words, ElementsAre("a b")) << "a form may hold a blank";
  EXPECT_EQ(data.documents.size(), 2u);
  EXPECT_THAT(label_names(read("conllu", text, {{"label", "deprel"}})),
              ElementsAre("root", "root"));
  const auto at = [&](const std::string& lines) { return error("conllu", lines); };
  EXPECT_THAT(at("1\ta\tb\n"), EndsWith("a.txt:1:1: 3 columns parted by tabs; CoNLL-U has 10"));
  EXPECT_THAT(at(conllu_line("2", "a", "X")), EndsWith("a.txt:1:1: word 2 where word 1 belongs"));
  EXPECT_THAT(at(conllu_line("1x", "a", "X")), HasSubstr("'1x' is no number of a word"));
  EXPECT_THAT(at(conllu_line("1", "a", "_")), EndsWith("a word without this label"));
  EXPECT_THAT(at(conllu_line("1", "a", "X") + "# c\n"), HasSubstr("a comment inside a sentence"));
}

TEST_F(Formats, PlainText) {
  const Dataset data = read("plain_text", "One line,\nanother.\n\n \nThe end\n");
  ASSERT_EQ(data.examples.size(), 2u);
  EXPECT_THAT(data.examples[0].words, ElementsAre("One", "line", ",", "another", "."));
  EXPECT_THAT(read("plain_text", "\u00C9T\u00C9", {{"lower_case", true}}).examples[0].words,
              ElementsAre("ete"));
}

TEST_F(Formats, Babi) {
  const Dataset data = read("babi",
                            "1 Mary went to the kitchen.\n2 John is in the kitchen.\n"
                            "3 Where is Mary? \tkitchen\t1\n4 Mary ran off.\n"
                            "5 How many? \ttwo\t1 2\n1 New story here.\n2 What? \tstory\t1\n");
  ASSERT_EQ(data.examples.size(), 2u);
  const Example& where = data.examples[0];
  EXPECT_THAT(where.words, ElementsAre("Where", "is", "Mary", "?"));
  EXPECT_EQ(where.passage->text, "Mary went to the kitchen. John is in the kitchen.");
  EXPECT_EQ(where.answers[0].first, 4) << "in the sentence that it follows from, not the last";
  EXPECT_EQ(data.examples[1].document, 1u);
  EXPECT_EQ(data.skipped.begin()->second, 1u);
  EXPECT_THAT(error("babi", "1 a.\n3 b.\n"), EndsWith("a.txt:2:1: sentence 3 behind sentence 1"));
  EXPECT_THAT(error("babi", "x a.\n"), HasSubstr("a.txt:1:1: 'x' is no number"));
  EXPECT_THAT(error("babi", "1 a?\tb\n"), HasSubstr("a question takes: question, tab, answer"));
  EXPECT_THAT(error("babi", "1 a?\t\t1\n"), HasSubstr("a question without an answer"));
  EXPECT_THAT(error("babi", "1 a?\tb\t1 y\n"), HasSubstr("'y' is no number"));
  EXPECT_THAT(error("babi", "1 \n"), HasSubstr("a number without a sentence"));
}

// One article of one paragraph.
std::string squad(const std::string& context, const json& questions) {
  const json whole = {
      {"version", "1.1"},
      {"data", {{{"title", "T"}, {"paragraphs", {{{"context", context}, {"qas", questions}}}}}}}};
  return whole.dump(1);
}
json question(const std::string& id, const std::string& text, int start) {
  return {
      {"id", id}, {"question", "Which?"}, {"answers", {{{"text", text}, {"answer_start", start}}}}};
}

TEST_F(Formats, SquadCountsCodePoints) {
  const std::string context = "Zoë’s café in Köln: 1990s.";
  json two = question("b", "café", 6);
  two["answers"].push_back({{"text", "Köln"}, {"answer_start", 14}});
  json none = question("c", "x", 0);
  none["answers"] = json::array();
  none["is_impossible"] = true;
  const Dataset data = read("squad", squad(context, {question("a", "1990", 20), two, none}));
  ASSERT_EQ(data.examples.size(), 3u);
  EXPECT_THAT(data.examples[0].passage->words,
              ElementsAre("Zoë", "’", "s", "café", "in", "Köln", ":", "1990s", "."));
  EXPECT_EQ(data.examples[0].answers[0].first, 7) << "the whole word";
  EXPECT_EQ(data.examples[0].answers[0].text, "1990") << "the text as it is";
  EXPECT_EQ(data.examples[1].answers[0].first, 3);
  EXPECT_EQ(data.examples[1].answers[1].last, 5);
  EXPECT_TRUE(data.examples[2].answers.empty());
  EXPECT_EQ(data.examples[0].passage, data.examples[2].passage) << "shared";
  EXPECT_THAT(data.documents, ElementsAre("T"));
}

TEST_F(Formats, SquadLeavesOutWhatStandsTwice) {
  const std::string text = squad("a b a", {question("1", "a", 0), question("2", "b", 2)});
  EXPECT_EQ(read("squad", text).examples.size(), 2u);
  const Dataset alone = read("squad", text, {{"text", true}});
  ASSERT_EQ(alone.examples.size(), 1u);
  EXPECT_THAT(alone.examples[0].words, ElementsAre("a", "b", "a"));
  const Dataset unique = read("squad", text, {{"unique_answers", true}});
  EXPECT_EQ(unique.examples.size(), 1u);
  EXPECT_EQ(unique.skipped.begin()->second, 1u);
}

TEST_F(Formats, SquadErrors) {
  EXPECT_THAT(error("squad", "{\"data\": [\n  oops"), HasSubstr("a.txt:2:3: this is no JSON"));
  EXPECT_THAT(error("squad", ""), HasSubstr("a.txt:1:1: this is no JSON, or it is cut off"));
  EXPECT_THAT(error("squad", "{\"data\":\n [1E999]}"),
              HasSubstr("a.txt:2:3: the number 1E999 is too large"));
  EXPECT_THAT(error("squad", "[]"), HasSubstr("no list 'data'"));
  EXPECT_THAT(error("squad", "{\"data\": [3]}"), HasSubstr("no list 'paragraphs'"));
  EXPECT_THAT(error("squad", squad("abc", {question("q1", "x", 0), question("q1", "x", 0)})),
              HasSubstr("question 'q1': the answer 'x' does not stand at code point 0"));
  EXPECT_THAT(error("squad", squad("abc", {question("q1", "a", 0), question("q1", "a", 0)})),
              HasSubstr("question 'q1' comes twice"));
  EXPECT_THAT(error("squad", squad("abc", json::array({question("q1", "a", 3)}))),
              HasSubstr("begins at code point 3 of a paragraph of 3"));
  EXPECT_THAT(error("squad", squad("abc", json::array({question("q1", "a", -1)}))),
              HasSubstr("no number 'answer_start'"));
  EXPECT_THAT(error("squad", squad("a  b", json::array({question("q1", " ", 1)}))),
              HasSubstr("there is no word in the answer"));
  json unanswered = question("q1", "a", 0);
  unanswered["answers"] = json::array();
  const std::string message = error("squad", squad("abc", json::array({unanswered})));
  EXPECT_THAT(message, HasSubstr("has no answer and is not marked is_impossible"));
  // Where the id stands.
  const std::string text = squad("abc", json::array({unanswered}));
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<long>(text.find("\"q1\"")), '\n');
  EXPECT_THAT(message, HasSubstr("a.txt:" + std::to_string(line) + ":"));
}

std::filesystem::path real(const std::string& path) {
  const char* folder = std::getenv("POSBENCH_TEST_DATA");
  return folder == nullptr ? std::filesystem::path() : std::filesystem::path(folder) / path;
}

#define REAL_OR_SKIP(variable, name)                                                    \
  const std::filesystem::path variable = real(name);                                    \
  if (!std::filesystem::exists(variable)) {                                             \
    GTEST_SKIP() << name << " is not there; POSBENCH_TEST_DATA names a folder with it"; \
  }

TEST(RealFormats, Sst2) {
  REAL_OR_SKIP(train, "sst2/stsa.binary.train");
  EXPECT_EQ(read_files("label_text", {train}).examples.size(), 6920u);
  EXPECT_EQ(read_files("label_text", {real("sst2/stsa.binary.dev")}).examples.size(), 872u);
  EXPECT_EQ(read_files("label_text", {real("sst2/stsa.binary.test")}).examples.size(), 1821u);
}

TEST(RealFormats, Conll2000) {
  REAL_OR_SKIP(train, "conll2000/train.txt");
  const Dataset data = read_files("conll", {train}, {{"scheme", "iob2"}});
  EXPECT_EQ(data.examples.size(), 8936u);
  EXPECT_EQ(data.documents.size(), 224u);
  EXPECT_EQ(data.labels.size(), 22u);
  EXPECT_EQ(read_files("conll", {real("conll2000/test.txt")}, {{"scheme", "iob2"}}).examples.size(),
            2012u);
}

TEST(RealFormats, Babi) {
  REAL_OR_SKIP(folder, "babi/en");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const Dataset data = read_files("babi", {entry.path()});
    std::size_t skipped = 0;
    for (const auto& [why, count] : data.skipped) skipped += count;
    EXPECT_EQ(data.examples.size() + skipped, 1000u) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 40u);
}

TEST(RealFormats, Squad) {
  REAL_OR_SKIP(file, "squad/dev-v1.1.from-explore.json");
  const Dataset data = read_files("squad", {file});
  EXPECT_EQ(data.examples.size(), 10570u);
  EXPECT_EQ(data.documents.size(), 48u);
  EXPECT_EQ(read_files("squad", {file}, {{"unique_answers", true}}).examples.size(), 9404u);
}

}  // namespace
}  // namespace posbench
