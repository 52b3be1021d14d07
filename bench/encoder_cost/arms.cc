#include "encoder_cost/arms.h"

#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {

struct NamedArm {
  const char* name;
  const char* encoding;
  const char* producer;
};
constexpr NamedArm kNamed[] = {{"learned_again", "learned", "table"},
                               {"sinusoid_table", "sinusoid", "table"},
                               {"sinusoid_libm", "sinusoid", "libm"},
                               {"sinusoid_simd", "sinusoid", "simd"},
                               {"sinusoid_recurrence", "sinusoid", "recurrence"}};

}  // namespace

void choose_arm(const std::string& name, EncoderOptions& options) {
  std::string word = name;
  if (const std::size_t slash = word.find('/'); slash != std::string::npos) {
    options.system = find_system(word.substr(0, slash)).name;
    word.erase(0, slash + 1);
  }
  if (const std::size_t colon = word.find(':'); colon != std::string::npos) {
    options.convention = word.substr(colon + 1);
    word.erase(colon);
  }
  std::vector<std::string> known;
  for (const NamedArm& arm : kNamed) {
    if (word == arm.name) {
      options.encoding = arm.encoding;
      options.producer = arm.producer;
      return;
    }
    known.emplace_back(arm.name);
  }
  for (const EncodingAbout& about : encodings()) {
    if (word == about.name) {
      options.encoding = word;
      return;
    }
    known.push_back(about.name);
  }
  throw UserError(unknown_word("arm", word, known));
}

}  // namespace posbench
