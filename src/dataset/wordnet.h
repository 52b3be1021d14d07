// WordNet's data.{noun,verb,adj,adv}: a synset a line, `offset lex_filenum ss_type w_cnt word
// lex_id … | gloss` (wndb(5WN)), behind a licence whose lines begin with two blanks. A gloss is a
// definition, then usage examples in quotation marks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dataset/text_file.h"

namespace posbench {

struct Synset {
  std::string name;                 ///< part of speech and offset, as in n00001740
  std::int32_t lexicographer_file;  ///< index into lexicographer_files()
  std::vector<std::string> lemmas;  ///< with blanks between the words of one
  std::string_view gloss;           ///< a piece of the line
};

/// Calls `use` with every synset of a file, and with the file for errors. Throws UserError for a
/// line that is none.
void each_synset(const std::filesystem::path& file, TextEncoding encoding,
                 const std::function<void(const TextFile& text, const Synset& synset)>& use);

/// noun.animal, verb.motion, …: names by number, which Debian's package does not hold.
const std::vector<std::string>& lexicographer_files();

/// Lower-cased runs of letters and digits; a hyphen or an apostrophe between two stays inside.
std::vector<std::string> gloss_words(std::string_view text);

}  // namespace posbench
