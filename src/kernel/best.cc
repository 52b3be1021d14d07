#include "kernel/best.h"

namespace posbench {
namespace {

std::size_t token_bytes(BatchShape shape, bool in_place) {
  return (in_place ? 1 : 2) * shape.elements() * sizeof(float);
}

// Rows a multiple of 4 KiB apart share their low address bits: a walk down a column then makes each
// read wait for the write of the row before.
bool rows_collide(BatchShape shape) { return shape.hidden * sizeof(float) % 4096 == 0; }

// Where tokens take a quarter of the last cache, which other cores want too, they come from memory:
// stores that go past the caches then save reading the line that they overwrite.
bool from_memory(std::size_t bytes, CacheSizes caches) { return bytes >= caches.l3_bytes / 4; }

}  // namespace

const std::string_view kBestLookupRule =
    "groups of four batch elements where there are four, else the slice; non-temporal stores where "
    "tokens (x and y) take a quarter of L3; in place, with four elements and tokens within an "
    "eighth "
    "of L3: L1 tiles";

std::string_view best_lookup(BatchShape shape, bool in_place, CacheSizes caches) {
  const std::size_t bytes = token_bytes(shape, in_place);
  const bool many = shape.batch >= 4;
  if (in_place) {
    if (!many) return "learned_slice_in_place";
    return bytes <= caches.l3_bytes / 8 ? "learned_l1_tiles_in_place" : "learned_groups_in_place";
  }
  if (from_memory(bytes, caches)) return many ? "learned_groups_nt" : "learned_slice_nt";
  return many ? "learned_groups" : "learned_slice";
}

const std::string_view kBestComputedRule =
    "polynomials where tokens (x and y) take a quarter of L3 (out of place with non-temporal "
    "stores) "
    "or, out of place, for four batch elements and more; else rotation: in tiles for four "
    "elements, "
    "for rows a multiple of 4 KiB apart, and out of place for tokens beyond twice L2, else in "
    "columns";

std::string_view best_computed(BatchShape shape, bool in_place, CacheSizes caches) {
  const std::size_t bytes = token_bytes(shape, in_place);
  const bool many = shape.batch >= 4;
  if (from_memory(bytes, caches)) return in_place ? "simd_in_place" : "simd_nt";
  if (in_place) {
    return many || rows_collide(shape) ? "recurrence_tiles_in_place" : "recurrence_in_place";
  }
  if (many) return "simd";
  return rows_collide(shape) || bytes > 2 * caches.l2_bytes ? "recurrence_tiles" : "recurrence";
}

}  // namespace posbench
