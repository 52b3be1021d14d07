#include "task/task.h"

#include <map>
#include <utility>

#include "base/error.h"
#include "base/nearest.h"

namespace posbench {
namespace {

using Maker = std::unique_ptr<Task> (*)();

// Name -> (about, maker); sorted, so that listings do not depend on link order.
std::map<std::string, std::pair<std::string, Maker>>& registry() {
  static std::map<std::string, std::pair<std::string, Maker>> known;
  return known;
}

}  // namespace

TaskRegistration::TaskRegistration(const TaskAbout& about, Maker make) {
  registry()[about.name] = {about.about, make};
}

std::vector<TaskAbout> tasks() {
  std::vector<TaskAbout> listed;
  for (const auto& [name, entry] : registry()) listed.push_back({name, entry.first});
  return listed;
}

std::unique_ptr<Task> make_task(const std::string& name) {
  const auto found = registry().find(name);
  if (found == registry().end()) {
    std::vector<std::string> names;
    for (const auto& [known, entry] : registry()) names.push_back(known);
    throw UserError(unknown_word("task", name, names));
  }
  return found->second.second();
}

}  // namespace posbench
