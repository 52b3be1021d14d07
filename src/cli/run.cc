// posbench run [STUDY…] --profile NAME --out DIR
// posbench run --dataset NAME
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/options.h"
#include "cli/cli.h"
#include "cli/conformance.h"
#include "dataset/manifest.h"
#include "kernel/topology.h"
#include "study/executor.h"

namespace posbench {
namespace {
namespace po = boost::program_options;

constexpr const char* kOwnStudy = "own";

// The studies asked for by id, or all that have the profile and do not wait to be named.
std::vector<Study> choose_studies(const std::vector<std::string>& wanted,
                                  const std::string& profile, std::uint64_t seed_shift) {
  std::vector<std::string> known;
  for (const auto& file : study_files()) {
    if (file.stem() != kOwnStudy) known.push_back(file.stem());
  }
  for (const std::string& id : wanted) {
    if (std::find(known.begin(), known.end(), id) == known.end()) {
      throw UserError(unknown_word("study", id, known));
    }
  }
  std::vector<Study> studies;
  for (const auto& file : study_files()) {
    const bool named = std::find(wanted.begin(), wanted.end(), file.stem()) != wanted.end();
    if (!wanted.empty() && !named) continue;
    if (file.stem() == kOwnStudy) continue;  // has no data set of its own
    Study study = read_study(file, profile, seed_shift);
    if (study.by_name && !named) continue;
    if (!study.trials.empty()) {
      studies.push_back(std::move(study));
    } else if (named) {
      throw UserError(fmt::format("study {} has no profile {}; see bench/studies/{}.toml", study.id,
                                  profile, study.id));
    }
  }
  return studies;
}

// The study `own` on a data set that the user names.
Study own_study(const std::string& dataset, const std::string& task, const std::string& profile,
                std::uint64_t seed_shift) {
  const Manifest manifest = read_manifest(dataset);
  const auto& known = manifest.tasks;
  if (!task.empty() && std::find(known.begin(), known.end(), task) == known.end()) {
    throw UserError(
        fmt::format("{}: {}", dataset, unknown_word("task of this data set", task, known)));
  }
  Study study = read_study(home_folder() / "bench" / "studies" / (kOwnStudy + std::string(".toml")),
                           profile, seed_shift);
  if (study.trials.empty()) {
    throw UserError(fmt::format("study own has no profile {}; take quick or standard", profile));
  }
  for (PlannedTrial& trial : study.trials) {
    trial.spec["dataset"] = dataset;
    trial.spec["task"] = task.empty() ? known.front() : task;
  }
  return study;
}

/// What a trial is, before its harness has filled in defaults: its own keys and its parents'.
std::string words_of(const PlannedTrial& trial) {
  return trial.spec.dump() + (trial.parent ? words_of(*trial.parent) : "");
}

void print_plan(const std::vector<Study>& studies, int jobs) {
  double sum = 0, wall = 0;
  std::set<std::string> planned;
  fmt::print("{:<16} {:<14} {:>7} {:>7} {:>14}\n", "study", "harness", "trials", "new",
             "core-seconds");
  for (const Study& study : studies) {
    const auto before = planned.size();
    for (const PlannedTrial& trial : study.trials) planned.insert(study.harness + words_of(trial));
    const auto added = planned.size() - before;
    const double cost = study.core_seconds * static_cast<double>(added);
    sum += cost;
    wall += cost / (runs_alone(study.harness) ? 1 : jobs);
    fmt::print("{:<16} {:<14} {:>7} {:>7} {:>14.0f}\n", study.id, study.harness,
               study.trials.size(), added, cost);
  }
  fmt::print("{:<16} {:<14} {:>7} {:>7} {:>14.0f}\n", "together", "", "", planned.size(), sum);
  fmt::print(
      "What several studies share runs once. Cost studies run alone, accuracy and memory trials {} "
      "at a time: about {:.1f} hours.\n",
      jobs, wall / 3600);
}

}  // namespace

int run_command(const std::vector<std::string>& arguments) {
  po::options_description flags("Flags");
  flags.add_options()(
      "profile", po::value<std::string>()->value_name("NAME"),
      "smoke (minutes), quick (at most 10 minutes on 2 cores), standard (10 hours) or full")(
      "out", po::value<std::string>()->value_name("DIR"),
      "run directory; what is finished there is not repeated")(
      "dataset", po::value<std::string>()->value_name("NAME"),
      "instead of a study: compares encodings on this data set, one of `posbench list datasets` or "
      "the path of your own manifest (.toml)")(
      "task", po::value<std::string>()->default_value("")->value_name("NAME"),
      "with --dataset: the task, where it is made for several")(
      "jobs", po::value<int>()->default_value(usable_cores())->value_name("N"),
      "accuracy and memory trials at once (cost studies always run alone)")(
      "seed", po::value<std::uint64_t>()->default_value(0)->value_name("S"),
      "added to every seed of the studies; an independent repetition where it exceeds their "
      "number")("skip-missing-data", "go on without trials whose data set is not on this machine")(
      "dry-run", "print trials and core-seconds, run nothing")("help,h", "this text");
  po::options_description all;
  all.add(flags).add_options()("study", po::value<std::vector<std::string>>(), "");
  po::positional_options_description positions;
  positions.add("study", -1);
  const auto values = parse_options(arguments, all, positions);
  if (values.count("help")) {
    std::cout
        << "Usage: posbench run [STUDY…] --profile NAME --out DIR [FLAGS]\n"
           "       posbench run --dataset NAME [FLAGS]\n\n"
           "Runs the named studies, or where none is named all of the profile but those that wait "
           "to be\n"
           "named: one process a trial, one record a trial under DIR/trials. Killed and started "
           "again, it goes on.\n"
           "Trials for an instruction set that this CPU lacks are left out and named "
           "(posbench doctor tells\n"
           "which it has).\n\n"
        << flags
        << "\nExamples:\n"
           "  posbench run --profile quick --out out/quick\n"
           "  posbench run parity --profile standard --out out/parity --jobs 2\n"
           "  posbench run --profile full --dry-run\n"
           "  posbench run --dataset mine.toml --task tagging    # profile quick, to out/mine\n";
    return 0;
  }
  const bool is_own = values.count("dataset") > 0;
  if (!values.count("profile") && !is_own) {
    throw UserError("--profile is missing: smoke, quick, standard or full");
  }
  const auto profile = values.count("profile") ? values["profile"].as<std::string>() : "quick";
  if (std::find(kProfiles.begin(), kProfiles.end(), profile) == kProfiles.end()) {
    throw UserError(unknown_word("profile", profile, kProfiles));
  }
  RunOptions options;
  options.profile = profile;
  options.seed_shift = values["seed"].as<std::uint64_t>();
  options.jobs = values["jobs"].as<int>();
  if (options.jobs < 1) throw UserError("--jobs must be at least 1");
  std::vector<std::string> wanted;
  if (values.count("study")) wanted = values["study"].as<std::vector<std::string>>();
  if (is_own && !wanted.empty()) {
    throw UserError("--dataset compares encodings on one data set; leave the studies out");
  }
  if (!is_own && !values["task"].as<std::string>().empty()) {
    throw UserError("--task says what to do with a --dataset; name one");
  }
  const auto studies = is_own ? std::vector<Study>{own_study(values["dataset"].as<std::string>(),
                                                             values["task"].as<std::string>(),
                                                             profile, options.seed_shift)}
                              : choose_studies(wanted, profile, options.seed_shift);
  if (values.count("dry-run")) {
    print_plan(studies, options.jobs);
    return 0;
  }
  if (values.count("out")) {
    options.out = values["out"].as<std::string>();
  } else if (is_own) {
    options.out = "out/" + read_manifest(values["dataset"].as<std::string>()).name;
  } else {
    throw UserError("--out is missing: the folder for the records");
  }
  options.skip_missing_data = values.count("skip-missing-data") > 0;
  options.command = "posbench run";
  for (const std::string& argument : arguments) options.command += " " + argument;
  const int failed = run_studies(studies, options);
  write_file_atomically(options.out / "conformance.json", conformance_json());
  if (failed > 0) {
    fmt::print(stderr,
               "error: {} trials failed; their logs are in {}/logs; start again to retry them\n",
               failed, options.out.string());
    return 1;
  }
  return 0;
}

}  // namespace posbench
