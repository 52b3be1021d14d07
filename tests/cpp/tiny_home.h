// A home with data sets of a few lines, in Brown's format, so that tasks train in milliseconds.
#pragma once

#include <fmt/format.h>

#include <memory>

#include "base/sha256.h"
#include "dataset_helpers.h"
#include "variable.h"

namespace posbench {

class TinyHome : public ScratchTest {
 protected:
  TinyHome()
      : home_("POSBENCH_HOME", (folder / "home").string()),
        data_("POSBENCH_DATA", (folder / "data").string()) {
    std::filesystem::create_directories(folder / "home" / "bench" / "studies");
  }

  /// A data set of these documents: lines of `word/tag word/tag …`.
  void add_dataset(const std::string& name, const std::string& task,
                   const std::vector<std::string>& documents) const {
    std::string all;
    for (std::size_t i = 0; i < documents.size(); ++i) {
      write(fmt::format("data/{}/d{:02}", name, i), documents[i]);
      all += documents[i];
    }
    write(fmt::format("home/datasets/{}.toml", name),
          fmt::format("about = \"tiny\"\ntask = \"{}\"\nreader = \"word_tag\"\n"
                      "licence = \"none\"\ncitation = \"none\"\n[[files]]\n"
                      "path = \"d[0-9][0-9]\"\ncount = {}\nsha256 = \"{}\"\n",
                      task, documents.size(), sha256(all)));
  }

 private:
  Variable home_, data_;
};

}  // namespace posbench
