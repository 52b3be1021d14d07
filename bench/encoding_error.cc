// encoding_error: how exact each way to make the sinusoid is, against 50-digit arithmetic at
// positions up to a million.
#include <fmt/format.h>

#include "base/error.h"
#include "base/sha256.h"
#include "harness.h"
#include "sinusoid_error.h"

namespace posbench {
namespace {
using nlohmann::json;

constexpr auto kExamples =
    "  encoding_error --producer libm --hidden 768\n"
    "      what one f32 angle an element loses, by range of positions\n"
    "  encoding_error --producer recurrence --convention tensor2tensor --isa avx2\n"
    "      the rotation on this CPU limited to AVX2\n";

SinusoidSource source_of(const json& spec) {
  const auto hidden = spec.at("hidden").get<std::int64_t>();
  if (hidden < 1) throw UserError(fmt::format("hidden must be at least 2; got {}", hidden));
  const Convention convention = convention_from_name(spec.at("convention").get<std::string>());
  return make_sinusoid_source(spec.at("producer"),
                              make_sinusoid(convention, static_cast<std::size_t>(hidden)));
}

// Behaviour is every value that the errors will be taken of.
std::string fingerprint(const json& spec) {
  const SinusoidSource source = source_of(spec);
  Sha256 digest;
  for (const PositionRange& range : position_ranges(spec.at("seed"))) {
    for (const RowRun& run : range.runs) {
      std::vector<float> made(run.rows * source.sinusoid.hidden);
      source.rows(run.first, run.rows, made.data());
      digest.update({reinterpret_cast<const char*>(made.data()), made.size() * sizeof(float)});
    }
  }
  return digest.hex();
}

json run(const json& spec, const std::string& /*folder*/) {
  json ranges = json::array();
  for (const RangeError& error :
       sinusoid_errors(source_of(spec), position_ranges(spec.at("seed")))) {
    ranges.push_back({{"from", error.first},
                      {"to", error.last},
                      {"rows", error.rows},
                      {"max_abs_error", error.largest},
                      {"mean_abs_error", error.mean},
                      {"worst_t", error.worst_t},
                      {"worst_column", error.worst_column},
                      {"declared", error.declared}});
  }
  return {{"ranges", ranges}};
}

}  // namespace
}  // namespace posbench

int main(int argc, char** argv) {
  using posbench::Key;
  const posbench::Harness harness{
      "encoding_error",
      "largest and mean absolute error of one way to make the sinusoid, against 50-digit "
      "arithmetic, for positions up to a million",
      posbench::kExamples,
      {
          Key{"producer", "simd", "how it is made; a wrong name is answered with all"},
          Key{"convention", "interleaved", "interleaved or tensor2tensor"},
          Key{"hidden", 128, "hidden size d, even"},
          Key{"seed", 0, "draws the positions beyond 2048"},
      },
      posbench::no_datasets,
      posbench::fingerprint,
      posbench::run};
  return posbench::harness_main(argc, argv, harness);
}
