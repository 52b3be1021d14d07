#include "dataset/dataset.h"

#include "dataset/manifest.h"
#include "dataset/place.h"
#include "dataset/reader.h"

namespace posbench {

Dataset load_dataset(const std::string& name) {
  const Manifest manifest = read_manifest(name);
  const auto files = verified_files(manifest, dataset_folder(manifest));
  Dataset dataset = find_reader(manifest.reader)(files);
  dataset.name = manifest.name;
  dataset.digest = manifest.digest();
  dataset.task = manifest.task;
  dataset.citation = manifest.citation;
  dataset.licence = manifest.licence;
  return dataset;
}

std::string dataset_digest(const std::string& name) {
  const Manifest manifest = read_manifest(name);
  dataset_files(manifest, dataset_folder(manifest));
  return manifest.digest();
}

}  // namespace posbench
