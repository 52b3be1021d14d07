#include "peers/peers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/files.h"
#include "base/process.h"
#include "kernel/isa.h"

namespace posbench {
namespace {
namespace fs = std::filesystem;

// Debian's, which python3-torch belongs to; the first of PATH may be another.
constexpr auto kPython = "/usr/bin/python3";

fs::path script(const char* name) { return home_folder() / "bench" / "peers" / name; }

Presence pytorch_presence() {
  if (!fs::exists(kPython)) return {"", fmt::format("no {}", kPython)};
  const ProcessOutput asked = run_process(
      {kPython, "-c", "import importlib.metadata as m; print(m.version('torch'), end='')"});
  if (asked.exit_code == 0) return {asked.output, ""};
  return {"", "python3-torch is not installed; ci/peers installs it"};
}

Presence onnxruntime_presence() {
  if (!has_program("node")) return {"", "node is not installed"};
  const fs::path package = node_folder() / "node_modules" / "onnxruntime-node" / "package.json";
  if (!fs::exists(package)) {
    return {"", "onnxruntime-node is not installed; ci/peers installs it"};
  }
  if (!pytorch_presence().missing.empty()) return {"", "PyTorch, which exports its model, is not"};
  return {nlohmann::json::parse(read_file(package)).at("version"), ""};
}

// What makes each arm fastest on one thread, as its users know: memory is kept instead of given
// back and asked for anew in each step, and BLAS and PyTorch choose kernels by the CPU and not by
// what somebody has set.
std::vector<std::string> tuned_environment(const std::string& arm) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string variable = *entry;
    const bool ours =
        std::ranges::any_of(std::vector{"OPENBLAS_", "GOTO_", "OMP_", "ATEN_", "MALLOC_", "MKL_"},
                            [&](const char* prefix) { return variable.starts_with(prefix); });
    if (!ours) environment.push_back(variable);
  }
  environment.push_back("OMP_NUM_THREADS=1");
  if (arm != "pytorch") return environment;
  if (effective_isa() == "avx512") environment.push_back("ATEN_CPU_CAPABILITY=avx512");
  environment.push_back("MALLOC_MMAP_THRESHOLD_=4294967296");
  environment.push_back("MALLOC_TRIM_THRESHOLD_=4294967296");
  environment.push_back("MALLOC_TOP_PAD_=67108864");
  return environment;
}

void export_model(const fs::path& folder) {
  const ProcessOutput done =
      run_process({kPython, script("pytorch.py").string(), folder.string(), "--export"});
  if (done.exit_code != 0) {
    throw std::runtime_error("PyTorch could not export the model:\n" + done.errors);
  }
}

std::vector<std::string> command_of(const std::string& arm, const fs::path& folder) {
  if (arm == "posbench") return {sibling_binary("posbench_worker").string(), folder.string()};
  if (arm == "pytorch") return {kPython, script("pytorch.py").string(), folder.string()};
  return {"node", script("onnxruntime.mjs").string(), folder.string(), node_folder().string()};
}

}  // namespace

fs::path node_folder() { return data_folder() / "peers"; }

Presence presence_of(const std::string& arm) {
  if (arm == "pytorch") return pytorch_presence();
  if (arm == "onnxruntime") return onnxruntime_presence();
  return {"here", ""};
}

bool pytorch_knows(const std::string& encoding) {
  const auto known = {"none",  "learned", "sinusoid", "sinusoid_trainable", "rope",
                      "alibi", "t5_bias", "shaw",     "transformer_xl"};
  return std::ranges::count(known, encoding) > 0;
}

std::unique_ptr<Worker> start_worker(const std::string& arm, const fs::path& folder) {
  if (arm == "onnxruntime") export_model(folder);
  const WorkerCommand command{command_of(arm, folder), tuned_environment(arm)};
  return std::make_unique<Worker>(arm, command, folder / (arm + ".log"));
}

}  // namespace posbench
