#include "kernel/best.h"

namespace posbench {
namespace {

// Past the last cache, stores that go past it save reading the line they overwrite.
bool beyond_caches(BatchShape shape, CacheSizes caches) {
  const std::size_t bytes = 2 * shape.elements() * sizeof(float);
  return bytes > caches.l3_bytes / 4 * 3;
}

// Rows a multiple of 4 KiB apart share their low address bits: a walk down a column then makes each
// read wait for the write of the row before.
bool rows_collide(BatchShape shape) { return shape.hidden * sizeof(float) % 4096 == 0; }

}  // namespace

const std::string_view kBestLookupRule =
    "out of place: past three quarters of L3 non-temporal stores, else groups of eight batch "
    "elements where there are eight; in place: L1 tiles for several batch elements; else the slice";

std::string_view best_lookup(BatchShape shape, bool in_place, CacheSizes caches) {
  if (in_place) return shape.batch > 1 ? "learned_l1_tiles_in_place" : "learned_slice_in_place";
  if (beyond_caches(shape, caches)) return "learned_slice_nt";
  return shape.batch >= 8 ? "learned_groups" : "learned_slice";
}

const std::string_view kBestComputedRule =
    "out of place past three quarters of L3: polynomials with non-temporal stores; rows a multiple "
    "of 4 KiB apart or batches of four and more: rotation in tiles; else rotation in columns";

std::string_view best_computed(BatchShape shape, bool in_place, CacheSizes caches) {
  if (in_place) {
    return rows_collide(shape) || shape.batch >= 4 ? "recurrence_tiles_in_place"
                                                   : "recurrence_in_place";
  }
  if (beyond_caches(shape, caches)) return "simd_nt";
  return rows_collide(shape) || shape.batch >= 4 ? "recurrence_tiles" : "recurrence";
}

}  // namespace posbench
