// One reader of files under libFuzzer: whatever the bytes, it reads them or throws UserError.
//
// POSBENCH_FUZZ_READER names the reader, or `vocabulary` for BERT's vocab.txt. Built by ci/fuzz
// with the address and undefined-behaviour sanitizers.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/mman.h>

#include "base/error.h"
#include "dataset/reader.h"
#include "dataset/split.h"
#include "dataset/subword_tokenizer.h"

namespace {

// In memory: a file on the disk takes most of the time.
const std::filesystem::path& file() {
  static const std::filesystem::path path =
      "/proc/self/fd/" + std::to_string(memfd_create("posbench-fuzz", 0));
  return path;
}

// What every reader promises of what it returns.
void require_whole(const posbench::Dataset& dataset) {
  for (const posbench::Example& example : dataset.examples) {
    if (example.document >= dataset.documents.size()) __builtin_trap();
    for (const std::int32_t label : example.labels) {
      if (label < posbench::kNoLabel || label >= static_cast<std::int32_t>(dataset.labels.size())) {
        __builtin_trap();
      }
    }
    for (const posbench::Answer& answer : example.answers) {
      const auto words = static_cast<std::int32_t>(example.passage->words.size());
      if (answer.first < 0 || answer.first > answer.last || answer.last >= words) __builtin_trap();
    }
  }
}

void read(const std::string& reader) {
  if (reader == "vocabulary") {
    const posbench::WordPieceTokenizer tokenizer(file());
    std::vector<std::int32_t> tokens;
    for (const char* word : {"unaffable", "\xE6\x88\x91", ""}) tokenizer.append(word, tokens);
    return;
  }
  nlohmann::json options = nlohmann::json::object();
  if (reader == "conll") options["scheme"] = "iob2";
  require_whole(posbench::read_files(reader, {file()}, options));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::ofstream(file(), std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  try {
    read(POSBENCH_FUZZ_READER);
  } catch (const posbench::UserError&) {
    // Bad input was refused, as it should be.
  }
  return 0;
}
