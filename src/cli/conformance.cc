// posbench conformance [--json | --check FILE --encoding NAME]
#include "cli/conformance.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/options.h"
#include "cli/cli.h"
#include "conformance/check.h"
#include "conformance/conformance.h"

namespace posbench {
namespace {
namespace po = boost::program_options;
using nlohmann::json;

constexpr const char* kUsage =
    "Usage: posbench conformance [--json]\n"
    "       posbench conformance --check FILE.npy --encoding NAME [--d N]\n\n"
    "Alone: compares what every encoding here makes in f32 with its paper's formula in long "
    "double, and tells\n"
    "what breaks where a convention is taken for its neighbour: the largest difference, and what "
    "is left of it\n"
    "once the columns are permuted (0: a layout alone).\n"
    "With --check: tells which convention a table of your own follows, also with its rows shifted "
    "by 1 or 2\n"
    "or all of it scaled. The file holds floating-point numbers (np.save):\n"
    "  sinusoid  (L, d)        rows by position\n"
    "  rope      (L, 2 · R)    cosines, then sines, of R turned columns, each angle in both "
    "columns "
    "of its plane\n"
    "  alibi     (H), (H, 1)   slopes by head\n"
    "  t5_bias   (L, L)        buckets by query and key\n\n";

constexpr const char* kExamples =
    "\nExit code: 0 done, or the table matches a convention; 1 it matches none; 2 bad input.\n\n"
    "Examples:\n"
    "  posbench conformance\n"
    "  posbench conformance --check pe.npy --encoding sinusoid --d 768\n"
    "  posbench conformance --check rope.npy --encoding rope --d 64    # np.concatenate([cos, "
    "sin], "
    "1)\n";

std::string number_or_dash(const std::optional<double>& value) {
  return value ? fmt::format("{:.3g}", *value) : "–";
}

void print_table() {
  std::vector<std::vector<std::string>> lines = {{"encoding", "convention", "used by", "compared",
                                                  "shape", "error", "taken for", "differs by",
                                                  "permuted"}};
  for (const Conformance& row : conformance()) {
    lines.push_back({row.encoding, row.convention, row.used_by.empty() ? "–" : row.used_by,
                     row.compared, row.shape, number_or_dash(row.error), row.neighbour,
                     number_or_dash(row.difference), number_or_dash(row.permuted)});
  }
  std::vector<std::size_t> widths(lines.front().size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i)
      text += fmt::format("{:<{}}  ", line[i], widths[i]);
    text.erase(text.find_last_not_of(' ') + 1);
    fmt::print("{}\n", text);
  }
}

std::string describe(const Match& match) {
  std::string text = match.convention;
  if (match.shift > 0) text += fmt::format(", from position {} on", match.shift);
  if (match.shift < 0) text += fmt::format(", behind {} rows that are no positions", -match.shift);
  if (match.scale != 1.0) text += fmt::format(", times {:.6g}", match.scale);
  return fmt::format("{} (largest difference {:.2e})", text, match.error);
}

int check(const std::string& file, const std::string& encoding, std::size_t hidden) {
  const std::vector<Match> found = check_table(read_npy(file), encoding, hidden);
  if (const Match& nearest = found.front(); nearest.row) {
    fmt::print("no match; nearest: {}, which differs first in row {}, column {}\n",
               describe(nearest), *nearest.row, nearest.column);
    return 1;
  }
  for (const Match& match : found) fmt::print("matches: {}\n", describe(match));
  return 0;
}

}  // namespace

std::string conformance_json() {
  const auto number = [](const std::optional<double>& value) {
    return value ? json(*value) : json(nullptr);
  };
  json rows = json::array();
  for (const Conformance& row : conformance()) {
    rows.push_back({{"encoding", row.encoding},
                    {"convention", row.convention},
                    {"used_by", row.used_by},
                    {"compared", row.compared},
                    {"shape", row.shape},
                    {"error", number(row.error)},
                    {"neighbour", row.neighbour},
                    {"difference", row.difference},
                    {"permuted", number(row.permuted)}});
  }
  return json{{"schema", "posbench.conformance/1"}, {"rows", rows}}.dump(1) + "\n";
}

int conformance_command(const std::vector<std::string>& arguments) {
  po::options_description flags("Flags");
  flags.add_options()("json", "the table as JSON, as a run keeps it for its report")(
      "check", po::value<std::string>()->value_name("FILE"), "a table of your own, .npy")(
      "encoding", po::value<std::string>()->value_name("NAME"),
      "what --check compares it with: sinusoid, rope, alibi or t5_bias")(
      "d", po::value<int>()->value_name("N"),
      "columns of the sinusoid, or size of the head that rope turns, some of it or all; else all "
      "columns")("help,h", "this text");
  const auto values = parse_options(arguments, flags);
  if (values.count("help")) {
    std::cout << kUsage << flags << kExamples;
    return 0;
  }
  if (values.count("check")) {
    if (values.count("json")) throw UserError("--json prints the table of encodings, not a check");
    if (!values.count("encoding")) {
      throw UserError("--encoding is missing: sinusoid, rope, alibi or t5_bias");
    }
    const int hidden = values.count("d") ? values["d"].as<int>() : 0;
    if (values.count("d") && hidden < 1) throw UserError("--d must be at least 1");
    return check(values["check"].as<std::string>(), values["encoding"].as<std::string>(),
                 static_cast<std::size_t>(hidden));
  }
  if (values.count("encoding") || values.count("d")) {
    throw UserError("--encoding and --d belong to --check FILE.npy, which is missing");
  }
  if (values.count("json")) {
    std::cout << conformance_json();
  } else {
    print_table();
  }
  return 0;
}

}  // namespace posbench
