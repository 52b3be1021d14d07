#include "harness.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/algorithm/string.hpp>
#include <boost/program_options.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "base/nearest.h"
#include "base/options.h"
#include "base/sha256.h"
#include "isa_limit.h"
#include "record/host.h"
#include "record/record.h"
#include "record/version.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;
namespace po = boost::program_options;
using nlohmann::json;

// What every harness has. The whole process is limited, so no harness needs to look.
const Key kIsa = {"isa", "native",
                  "instruction set that the process is limited to: sse4, avx2, avx512; native: the "
                  "best of this CPU"};

std::string flag_of(const std::string& key) { return boost::replace_all_copy(key, "_", "-"); }

const Key& find_key(const Harness& harness, const std::string& name) {
  std::vector<std::string> names;
  for (const Key& key : harness.keys) {
    if (key.name == name) return key;
    names.push_back(key.name);
  }
  throw UserError(unknown_word(harness.name + " key", name, names));
}

// A value from the command line, by the type of the key's default.
json value_from_text(const Key& key, const std::string& text) {
  if (key.initial.is_string()) return text;
  if (key.initial.is_array()) {
    std::vector<std::string> items;
    boost::split(items, text, boost::is_any_of(","));
    return items;
  }
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto require = [&](bool fits, const char* kind) {
    if (fits) return;
    throw UserError(fmt::format("--{} {} is not {}; its default is {}", flag_of(key.name), text,
                                kind, key.initial.dump()));
  };
  if (key.initial.is_boolean()) {
    require(value.is_boolean(), "true or false");
  } else if (key.initial.is_number_integer()) {
    require(value.is_number_integer(), "a whole number");
  } else {
    require(value.is_number(), "a number");
  }
  return value;
}

json defaults_of(const Harness& harness) {
  json defaults = json::object();
  for (const Key& key : harness.keys) defaults[key.name] = key.initial;
  return defaults;
}

// Fills in defaults; refuses unknown keys and wrong types. One number has one spelling (1
// becomes 1.0 where the key is real), so that equal specs have equal ids.
json complete_spec(const Harness& harness, const json& given) {
  if (!given.is_object()) throw UserError("--trial is not a JSON object");
  json spec = defaults_of(harness);
  spec["harness"] = harness.name;
  for (const auto& [name, value] : given.items()) {
    if (name == "harness") {
      if (value != harness.name) {
        throw UserError(fmt::format("this is {}, but the trial asks for {}; start that binary",
                                    harness.name, value.dump()));
      }
      continue;
    }
    const Key& key = find_key(harness, name);
    if (key.initial.is_number_float() && value.is_number()) {
      spec[name] = value.get<double>();
    } else if (value.type() == key.initial.type() ||
               (value.is_number_integer() && key.initial.is_number_integer())) {
      spec[name] = value;
    } else {
      throw UserError(fmt::format("{} key '{}' is {}; expected something like {}", harness.name,
                                  name, value.dump(), key.initial.dump()));
    }
  }
  return spec;
}

Identity identify(const Harness& harness, const json& spec) {
  return {without_defaults(spec, defaults_of(harness)), harness.datasets(spec),
          harness.fingerprint(spec)};
}

json spec_from_trial(const std::string& trial) {
  const std::string text = trial.starts_with('{') ? trial : read_file(trial);
  json spec = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (spec.is_discarded()) throw UserError(fmt::format("--trial {} is not JSON", trial));
  return spec;
}

void run_trial(const Harness& harness, const json& spec, const std::string& out) {
  const Identity identity = identify(harness, spec);
  const std::string id = identity.id();
  if (!out.empty()) {
    require_writable_folder(fs::path(out) / "trials");
    if (find_record(out, id)) {
      fmt::print("{} is already there\n", record_file(out, id).string());
      return;
    }
  }
  const Provenance provenance;
  json record = {{"schema", fmt::format("posbench.{}/1", harness.name)},
                 {"id", id},
                 {"spec", spec},
                 {"datasets", identity.datasets},
                 {"fingerprint", identity.fingerprint},
                 {"parent", nullptr}};
  if (const std::string parent = spec.value("init", ""); !parent.empty()) record["parent"] = parent;
  record["result"] = harness.run(spec, out);
  record["isa"] = describe_isa(spec.at(kIsa.name));
  record["provenance"] = provenance.finish();
  if (out.empty()) {
    record["host"] = describe_host();
    fmt::print("{}\n", record.dump(2));
  } else {
    write_record(out, record);
    fmt::print("{}\n", record_file(out, id).string());
  }
}

// Prints the trial's digests, or why it has none. What this machine lacks is an answer here, not an
// error: the caller decides whether to go on without it.
void print_identity(const Harness& harness, const json& spec, char** argv) {
  json answer;
  try {
    limit_isa(spec.at(kIsa.name), argv);
    const Identity identity = identify(harness, spec);
    answer = {
        {"spec", spec}, {"datasets", identity.datasets}, {"fingerprint", identity.fingerprint}};
  } catch (const MissingData& missing) {
    answer = {{"missing", missing.what()}};
  } catch (const Unavailable& unavailable) {
    answer = {{"unavailable", unavailable.what()}};
  }
  fmt::print("{}\n", answer.dump());
}

int parse_and_run(int argc, char** argv, const Harness& harness) {
  po::options_description general("General");
  general.add_options()("help,h", "print this and stop")("version", "print the version and stop")(
      "out", po::value<std::string>()->default_value("")->value_name("DIR"),
      "run directory; the record becomes DIR/trials/<id>.json (without it: standard output)")(
      "trial", po::value<std::string>()->value_name("SPEC"),
      "a whole spec as JSON text, or a file that holds one; flags override it")(
      "keys", "print the keys of a spec with their defaults, as JSON")(
      "identify", "print the trial's data digests and fingerprint, as JSON, without running it");
  po::options_description keys("The trial");
  for (const Key& key : harness.keys) {
    std::string shown =
        key.initial.is_string() ? key.initial.get<std::string>() : key.initial.dump();
    if (key.initial.is_array()) {
      shown = boost::join(key.initial.get<std::vector<std::string>>(), ",");
    }
    keys.add_options()(flag_of(key.name).c_str(), po::value<std::string>()->value_name("VALUE"),
                       fmt::format("{} [{}]", key.about, shown).c_str());
  }
  po::options_description all;
  all.add(general).add(keys);

  const po::variables_map values = parse_options({argv + 1, argv + argc}, all);
  if (values.count("help")) {
    std::cout << harness.name << ": " << harness.about << "\n\nUsage: " << harness.name
              << " [--KEY VALUE …] [--out DIR]\n\n"
              << general << "\n"
              << keys << "\nExamples:\n"
              << harness.examples;
    return 0;
  }
  if (values.count("version")) {
    fmt::print("posbench {} ({})\n", kVersion.version, kVersion.commit.substr(0, 12));
    return 0;
  }
  if (values.count("keys")) {
    fmt::print("{}\n", defaults_of(harness).dump());
    return 0;
  }
  json given = json::object();
  if (values.count("trial")) given = spec_from_trial(values["trial"].as<std::string>());
  for (const Key& key : harness.keys) {
    if (values.count(flag_of(key.name))) {
      given[key.name] = value_from_text(key, values[flag_of(key.name)].as<std::string>());
    }
  }
  const json spec = complete_spec(harness, given);
  if (values.count("identify")) {
    print_identity(harness, spec, argv);
    return 0;
  }
  limit_isa(spec.at(kIsa.name), argv);
  run_trial(harness, spec, values["out"].as<std::string>());
  return 0;
}

// A harness that `posbench run` started ends with it, also when that is killed: an orphan would go
// on beside the trials of the next start, and a time taken beside other work is none.
void end_with_the_run() {
  const char* run = std::getenv("POSBENCH_RUN");
  if (run == nullptr) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool run_is_gone = std::to_string(getppid()) != run;
  if (run_is_gone) std::raise(SIGKILL);
}

}  // namespace

json no_datasets(const json& /*spec*/) { return json::object(); }

std::string host_fingerprint(const json& /*spec*/) {
  return sha256("timed on " + describe_host().at("id").get<std::string>());
}

int harness_main(int argc, char** argv, Harness harness) {
  end_with_the_run();
  harness.keys.push_back(kIsa);
  try {
    return parse_and_run(argc, argv, harness);
  } catch (const UserError& error) {
    fmt::print(stderr, "error: {}\n", error.what());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: not enough memory for this trial; take a smaller shape\n");
  } catch (const std::exception& error) {
    // Not the user's fault: a kernel that disagrees with its reference, a disk that broke.
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
  return 2;
}

}  // namespace posbench
