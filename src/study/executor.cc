#include "study/executor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/process.h"
#include "dataset/manifest.h"
#include "record/host.h"
#include "record/record.h"
#include "study/progress.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

// A trial whose identity is known.
struct Trial {
  std::string id;
  json spec;
  std::string study;
  double core_seconds;
};

std::string text_after_error(const std::string& text) {
  const auto at = text.find("error: ");
  std::string message = at == std::string::npos ? text : text.substr(at + 7);
  while (message.ends_with('\n')) message.pop_back();
  return message;
}

// Asks harness binaries who a trial is. A fingerprint does not depend on the seed, so one question
// serves all seeds.
class Identifier {
 public:
  struct Answer {
    std::optional<Identity> identity;  ///< none where one of the other two says why
    std::string missing;               ///< data is; ends with the command that fetches it
    std::string unavailable;           ///< what this machine cannot do
  };

  Answer identify(const PlannedTrial& trial, const std::string& harness, const std::string& where) {
    json spec = trial.spec;
    if (trial.parent) {
      const Answer parent = identify(*trial.parent, harness, where);
      if (!parent.identity) return parent;
      spec["init"] = parent.identity->id();
    }
    const json& defaults = keys_of(harness);
    std::vector<std::string> known;
    for (const auto& [name, value] : defaults.items()) known.push_back(name);
    for (const auto& [name, value] : spec.items()) {
      if (!defaults.contains(name))
        throw UserError(unknown_word(where + ": " + harness + " key", name, known));
    }
    json question = spec;
    question.erase("seed");
    question.erase("init");
    const json& answer = ask(harness, question, where);
    if (answer.contains("missing")) return {std::nullopt, answer.at("missing"), ""};
    if (answer.contains("unavailable")) return {std::nullopt, "", answer.at("unavailable")};
    json full = answer.at("spec");
    for (const char* key : {"seed", "init"}) {
      if (spec.contains(key)) full[key] = spec.at(key);
    }
    return {
        Identity{without_defaults(full, defaults), answer.at("datasets"), answer.at("fingerprint")},
        "", ""};
  }

 private:
  const json& keys_of(const std::string& harness) {
    auto [at, is_new] = keys_.try_emplace(harness);
    if (is_new) at->second = json::parse(run_process({sibling_binary(harness), "--keys"}).output);
    return at->second;
  }

  const json& ask(const std::string& harness, const json& question, const std::string& where) {
    auto [at, is_new] = answers_.try_emplace(harness + question.dump());
    if (is_new) {
      const ProcessOutput told =
          run_process({sibling_binary(harness), "--identify", "--trial", question.dump()});
      if (told.exit_code != 0) {
        throw UserError(fmt::format("{}: {}", where, text_after_error(told.errors)));
      }
      at->second = json::parse(told.output);
    }
    return at->second;
  }

  std::map<std::string, json> keys_;
  std::map<std::string, json> answers_;
};

json load_run(const RunOptions& options) {
  const fs::path file = options.out / "run.json";
  if (!fs::exists(file)) {
    return {{"schema", "posbench.run/1"},
            {"profile", options.profile},
            {"seed_shift", options.seed_shift},
            {"started", utc_now()},
            {"ended", nullptr},
            {"hosts", json::array()},
            {"datasets", json::object()},
            {"missing_data", json::array()},
            {"unavailable", json::array()},
            {"failed", json::array()},
            {"studies", json::array()},
            {"rules", claim_rules()}};
  }
  json run = json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  if (!run.is_object() || run.value("schema", json()) != "posbench.run/1") {
    throw UserError(fmt::format("{} is not a posbench run; choose another --out", file.string()));
  }
  if (run.at("profile") != options.profile) {
    throw UserError(fmt::format("{} holds a run of profile {}, not {}; choose another --out",
                                options.out.string(), run.at("profile").get<std::string>(),
                                options.profile));
  }
  if (run.value("seed_shift", std::uint64_t{0}) != options.seed_shift) {
    throw UserError(fmt::format("{} holds a run with --seed {}; choose another --out",
                                options.out.string(), run.value("seed_shift", std::uint64_t{0})));
  }
  return run;
}

void save_run(const RunOptions& options, const json& run) {
  write_file_atomically(options.out / "run.json", run.dump(1) + "\n");
}

// Forgets what an earlier call said of the study: what failed or was missing is tried again.
void forget(json& list, const std::string& study) {
  if (list.is_null()) list = json::array();  // a run that began before there was this list
  list.erase(std::remove_if(list.begin(), list.end(),
                            [&](const json& entry) { return entry.at("study") == study; }),
             list.end());
}

// Replaces the entry of a list of objects that has the same value under `key`, or appends.
void put(json& list, const std::string& key, const json& entry) {
  for (json& old : list) {
    if (old.at(key) == entry.at(key)) {
      old = entry;
      return;
    }
  }
  list.push_back(entry);
}

// Trials that were left out for one reason.
struct LeftOut {
  std::string why;
  int trials = 0;
};

std::string line_of(const Study& study, const LeftOut& left_out) {
  return fmt::format("study {}: {} trials left out: {}\n", study.id, left_out.trials, left_out.why);
}

// What a trial that this machine cannot run asks of it: words of its spec, such as "avx512".
std::string asked_of_machine(const json& spec) {
  std::string asked;
  for (const auto& [key, usual] : {std::pair{"isa", "native"}, std::pair{"precision", "f32"}}) {
    const std::string word = spec.value(key, usual);
    if (word != usual) asked += (asked.empty() ? "" : " ") + word;
  }
  return asked;
}

// Identifies every trial of the study and enters the study, its data sets and what is missing into
// `run`. Tells what is left out in `notes`, a line each.
std::vector<Trial> identify_study(const Study& study, const RunOptions& options,
                                  Identifier& identifier, json& run, std::string& notes) {
  std::vector<Trial> trials;
  std::map<std::string, LeftOut> missing;      // by data set
  std::map<std::string, LeftOut> unavailable;  // by what they ask for
  for (const PlannedTrial& planned : study.trials) {
    const auto answer = identifier.identify(planned, study.harness, study.id);
    if (!answer.identity) {
      const bool is_data = !answer.missing.empty();
      LeftOut& left_out = is_data ? missing[planned.spec.value("dataset", "")]
                                  : unavailable[asked_of_machine(planned.spec)];
      left_out.why = is_data ? answer.missing : answer.unavailable;
      ++left_out.trials;
      continue;
    }
    json spec = planned.spec;
    if (answer.identity->spec.contains("init")) spec["init"] = answer.identity->spec.at("init");
    trials.push_back({answer.identity->id(), spec, study.id, study.core_seconds});
    for (const auto& [name, digest] : answer.identity->datasets.items()) {
      const Manifest manifest = read_manifest(name);
      run["datasets"][name] = {
          {"digest", digest}, {"citation", manifest.citation}, {"licence", manifest.licence}};
    }
  }
  for (const auto& [dataset, left_out] : missing) {
    if (!options.skip_missing_data) {
      throw UserError(fmt::format("{}; or go on without it: --skip-missing-data", left_out.why));
    }
    notes += line_of(study, left_out);
    run["missing_data"].push_back({{"dataset", dataset},
                                   {"command", "posbench data fetch " + dataset},
                                   {"study", study.id},
                                   {"trials", left_out.trials}});
  }
  // Nothing can be fetched here, so nobody is asked: one study names all tiers and precisions,
  // and each machine runs those that it has.
  for (const auto& [asked, left_out] : unavailable) {
    notes += line_of(study, left_out);
    run["unavailable"].push_back({{"what", asked},
                                  {"study", study.id},
                                  {"trials", left_out.trials},
                                  {"reason", left_out.why}});
  }
  json ids = json::array();
  for (const Trial& trial : trials) ids.push_back(trial.id);
  put(run["studies"], "id",
      {{"id", study.id},
       {"digest", study.digest},
       {"harness", study.harness},
       {"trials", ids},
       {"core_seconds", study.core_seconds * static_cast<double>(study.trials.size())},
       {"about", study.about}});
  return trials;
}

// Trials whose parent has a record, or that have no parent.
bool ready(const Trial& trial, const fs::path& out) {
  const std::string parent = trial.spec.value("init", "");
  return parent.empty() || find_record(out, parent).has_value();
}

// A parent's weights lie beside its record but outside git, so a fresh copy of a run lacks them. A
// parent that has to hand them on is then trained again, to the same bits, and so may its own
// parent be.
void forget_parents_without_weights(const std::vector<Trial>& trials, const fs::path& out) {
  bool forgotten = false;
  for (const Trial& trial : trials) {
    const std::string parent = trial.spec.value("init", "");
    if (parent.empty() || find_record(out, trial.id)) continue;
    const auto record = find_record(out, parent);
    if (!record || record->at("result").at("weights").is_null()) continue;
    if (!fs::exists(out / record->at("result").at("weights").at("file").get<std::string>())) {
      forgotten |= fs::remove(record_file(out, parent));
    }
  }
  if (forgotten) forget_parents_without_weights(trials, out);
}

// Runs `todo` with up to `lanes` processes at once, parents before children. Returns why trials
// failed, by id.
std::map<std::string, std::string> run_trials(std::vector<Trial> todo, const std::string& harness,
                                              int lanes, const fs::path& out) {
  std::map<std::string, std::string> failures;
  std::map<pid_t, Trial> running;
  double total = 0;
  for (const Trial& trial : todo) total += trial.core_seconds;
  Progress progress(todo.size(), total, lanes);
  fs::create_directories(out / "logs");
  const auto log_of = [&](const Trial& trial) { return out / "logs" / (trial.id + ".log"); };
  while (!todo.empty() || !running.empty()) {
    auto next =
        std::find_if(todo.begin(), todo.end(), [&](const Trial& t) { return ready(t, out); });
    if (next != todo.end() && running.size() < static_cast<std::size_t>(lanes)) {
      const pid_t child =
          start_process({sibling_binary(harness), "--trial", next->spec.dump(), "--out", out},
                        log_of(*next), log_of(*next));
      running.emplace(child, *next);
      todo.erase(next);
      continue;
    }
    if (running.empty()) {
      for (const Trial& orphan : todo) failures[orphan.id] = "its parent trial failed";
      break;
    }
    const auto [child, code] = wait_for_any();
    const Trial trial = running.extract(child).mapped();
    if (code != 0 || !find_record(out, trial.id)) {
      const std::string said = text_after_error(read_file(log_of(trial)));
      failures[trial.id] = code > 128 ? fmt::format("ended by signal {}", code - 128) : said;
      fmt::print(stderr, "\nerror: trial {} of study {}: {}\n", trial.id.substr(0, 12), trial.study,
                 failures[trial.id]);
    } else {
      fs::remove(log_of(trial));
    }
    progress.advance(trial.core_seconds, trial.study);
  }
  progress.finish();
  return failures;
}

}  // namespace

bool runs_alone(const std::string& harness) {
  static const std::set<std::string> kAlone = {"encoding_cost", "encoder_cost", "peer_cost",
                                               "reading_cost"};
  return kAlone.contains(harness);
}

int run_studies(const std::vector<Study>& studies, const RunOptions& options) {
  // Harnesses end with the process of this id, see bench/harness.cc.
  setenv("POSBENCH_RUN", std::to_string(getpid()).c_str(), 1);
  require_writable_folder(options.out / "trials");
  json run = load_run(options);
  // The rules stay as they were locked before the first number.
  run["command"] = options.command;
  run["ended"] = nullptr;

  // Nothing is written before every trial is known: a refused call leaves the run as it was.
  Identifier identifier;
  std::map<std::string, std::vector<Trial>> trials;  // by study
  std::string left_out;
  for (const Study& study : studies) {
    forget(run["failed"], study.id);
    forget(run["missing_data"], study.id);
    forget(run["unavailable"], study.id);
    trials[study.id] = identify_study(study, options, identifier, run, left_out);
  }
  save_run(options, run);
  fmt::print(stderr, "{}", left_out);

  int failed = 0;
  for (const Study& study : studies) {
    std::vector<Trial> todo;
    std::set<std::string> seen;
    forget_parents_without_weights(trials[study.id], options.out);
    for (const Trial& trial : trials[study.id]) {
      if (seen.insert(trial.id).second && !find_record(options.out, trial.id))
        todo.push_back(trial);
    }
    fmt::print(stderr, "study {}: {} trials, {} to run\n", study.id, seen.size(), todo.size());
    if (todo.empty()) continue;
    put(run["hosts"], "id", describe_host());
    save_run(options, run);  // a killed run's records must not name a host that nobody described
    const int lanes = runs_alone(study.harness) ? 1 : options.jobs;
    for (const auto& [id, why] : run_trials(std::move(todo), study.harness, lanes, options.out)) {
      run["failed"].push_back({{"id", id}, {"study", study.id}, {"reason", why}});
      ++failed;
    }
  }
  std::error_code not_empty;
  fs::remove(options.out / "logs", not_empty);  // stays where a failed trial left its log
  merge_records(options.out);
  run["ended"] = utc_now();
  save_run(options, run);
  fmt::print(stderr, "{}", left_out);  // once more: hours may lie between
  return failed;
}

}  // namespace posbench
