#include "encoder/systems.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {

constexpr EncoderSystem kSystems[] = {
    {.name = "encoder",
     .about = "a plain post-norm encoder with GELU: BERT without segments",
     .encoding = "learned",
     .max_length = 512,
     .embedding_norm = true},
    {.name = "vaswani",
     .about = "the first Transformer's encoder (Vaswani 2017): post-norm, ReLU, tokens × √d",
     .encoding = "sinusoid",
     .max_length = 0,
     .activation = Activation::relu,
     .scales_tokens = true},
    {.name = "bert",
     .about = "BERT (Devlin 2019): post-norm, GELU, segments, a norm behind the embedding",
     .encoding = "learned",
     .max_length = 512,
     .has_segments = true,
     .embedding_norm = true,
     .has_delimiters = true},
    {.name = "transformer_xl",
     .about = "Transformer-XL (Dai 2019): causal, post-norm, ReLU, cached states of earlier text",
     .encoding = "transformer_xl",
     .max_length = 0,
     .activation = Activation::relu,
     .scales_tokens = true,
     .causal = true,
     .has_memory = true},
    {.name = "gpt",
     .about = "GPT-2 (Radford 2019): causal, pre-norm, GELU, head tied to the token table",
     .encoding = "learned",
     .max_length = 1024,
     .norm_first = true,
     .causal = true,
     .ties_output = true},
    {.name = "longformer",
     .about = "Longformer (Beltagy 2020): post-norm, GELU, sliding window with global rows",
     .encoding = "learned",
     .max_length = 4096,
     .embedding_norm = true,
     .has_delimiters = true,
     .has_window = true},
};

}  // namespace

std::span<const EncoderSystem> systems() { return kSystems; }

const EncoderSystem& find_system(const std::string& name) {
  const auto found = std::ranges::find(kSystems, name, &EncoderSystem::name);
  if (found == std::end(kSystems)) {
    std::vector<std::string> names;
    for (const EncoderSystem& system : kSystems) names.emplace_back(system.name);
    throw UserError(unknown_word("system", name, names));
  }
  return *found;
}

void require_sensible(const EncoderSystem& system, const EncodingAbout& encoding) {
  if (system.has_window && encoding.place == EncodingPlace::scores) {
    throw UserError(
        fmt::format("encoding {} adds to the attention scores, which the window of system {} does "
                    "not take; choose one that enters at the input or rotates, or another system",
                    encoding.name, system.name));
  }
  if (system.has_memory && encoding.absolute) {
    throw UserError(fmt::format(
        "system {} reuses states of earlier text, in which a row of each place is already: those "
        "of encoding {} would not tell the texts apart; choose one that knows distances alone, "
        "none, or another system",
        system.name, encoding.name));
  }
}

}  // namespace posbench
