#include "kernel/best.h"

namespace posbench {
namespace {

std::size_t token_bytes(BatchShape shape, bool in_place) {
  return (in_place ? 1 : 2) * shape.elements() * sizeof(float);
}

// Rows a multiple of 4 KiB apart share their low address bits: a walk down a column then makes each
// read wait for the write of the row before.
bool rows_collide(BatchShape shape) { return shape.hidden * sizeof(float) % 4096 == 0; }

}  // namespace

const std::string_view kBestLookupRule =
    "tokens (x and y) beyond half of L3, out of place: non-temporal stores; fewer than four batch "
    "elements: the slice; tokens within a quarter of L3: L1 tiles; else groups of four elements";

std::string_view best_lookup(BatchShape shape, bool in_place, CacheSizes caches) {
  const std::size_t bytes = token_bytes(shape, in_place);
  const bool many = shape.batch >= 4;
  if (!in_place && bytes > caches.l3_bytes / 2)
    return many ? "learned_groups_nt" : "learned_slice_nt";
  if (!many) return in_place ? "learned_slice_in_place" : "learned_slice";
  if (bytes <= caches.l3_bytes / 4)
    return in_place ? "learned_l1_tiles_in_place" : "learned_l1_tiles";
  return in_place ? "learned_groups_in_place" : "learned_groups";
}

const std::string_view kBestComputedRule =
    "tokens (x and y) beyond half of L3, out of place: polynomials with non-temporal stores; four "
    "batch elements and more, rows a multiple of 4 KiB apart, or tokens beyond twice L2: rotation "
    "in "
    "tiles; else rotation in columns";

std::string_view best_computed(BatchShape shape, bool in_place, CacheSizes caches) {
  const std::size_t bytes = token_bytes(shape, in_place);
  if (!in_place && bytes > caches.l3_bytes / 2) return "simd_nt";
  const bool tiles = shape.batch >= 4 || rows_collide(shape) || bytes > 2 * caches.l2_bytes;
  if (tiles) return in_place ? "recurrence_tiles_in_place" : "recurrence_tiles";
  return in_place ? "recurrence_in_place" : "recurrence";
}

}  // namespace posbench
