// reading_cost: how fast a data set is read and its words become tokens. Neither is part of any
// timed trial; both decide how long a trial on a large text takes to begin.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "dataset/manifest.h"
#include "dataset/place.h"
#include "dataset/split.h"
#include "dataset/tokenizer.h"
#include "harness.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kExamples =
    "  reading_cost --dataset squad_v1_dev_recovered --tokenizer wordpiece\n"
    "      reads five times, tokenizes five times, and prints the record\n";

json datasets(const json& spec) {
  const std::string name = spec.at("dataset");
  if (read_manifest(name).files.empty()) {
    throw UserError(fmt::format("data set {} is generated; there is nothing to read", name));
  }
  return {{name, dataset_digest(name)}};
}

template <class Action>
double seconds(Action action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

json run(const json& spec, const std::string& /*folder*/) {
  const std::string name = spec.at("dataset");
  const Manifest manifest = read_manifest(name);
  std::uintmax_t bytes = 0;
  for (const auto& file : dataset_files(manifest, dataset_folder(manifest))) {
    bytes += std::filesystem::file_size(file);
  }
  json reading = json::array(), tokenizing = json::array();
  Dataset dataset;
  const int repetitions = spec.at("repetitions");
  for (int i = 0; i < repetitions; ++i) {
    reading.push_back(seconds([&] { dataset = load_dataset(name); }));
  }
  const auto tokenizer = make_tokenizer({spec.at("tokenizer"), spec.at("vocabulary"), ""}, dataset,
                                        split_documents(dataset, 0).train);
  std::size_t count = 0;
  const auto tokenize = [&] {
    std::vector<std::int32_t> tokens;
    const Passage* last = nullptr;
    const auto append = [&](const std::vector<std::string>& words) {
      for (const auto& word : words) {
        tokenizer->append(word, tokens);
        tokenizer->append_features(word, tokens);
      }
    };
    count = 0;
    for (const Example& example : dataset.examples) {
      append(example.words);
      // A passage that several questions share is the file's text once.
      if (example.passage && example.passage.get() != last) append(example.passage->words);
      last = example.passage.get();
      count += tokens.size();
      tokens.clear();
    }
  };
  for (int i = 0; i < repetitions; ++i) tokenizing.push_back(seconds(tokenize));
  return {
      {"bytes", bytes}, {"tokens", count}, {"reading_s", reading}, {"tokenizing_s", tokenizing}};
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "reading_cost",
      "times reading a data set (files hashed and parsed) and making tokens of its words",
      posbench::kExamples,
      {Key{"arm", "wordpiece", "name of the arm in its study"},
       Key{"dataset", "brown_pos", "see `posbench list datasets`"},
       Key{"tokenizer", "wordpiece", "words, word_features, bpe or wordpiece"},
       Key{"vocabulary", 8000, "most rows of the token table"},
       Key{"repetitions", 5, "of each, in one process"},
       Key{"seed", 0, "of the process; times are taken anew"}},
      posbench::datasets,
      posbench::host_fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
