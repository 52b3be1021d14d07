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

// Other cores want the last cache too: where tokens take a good part of it, they come from memory,
// and stores that go past the caches save reading the line that they overwrite.

const std::string_view kBestLookupRule =
    "groups of four batch elements where there are four, else the slice; non-temporal stores where "
    "x "
    "and y take more than a quarter of L3; in place, L1 tiles where there are four elements that "
    "take at most an eighth of L3";

std::string_view best_lookup(BatchShape shape, bool in_place, CacheSizes caches) {
  const std::size_t bytes = token_bytes(shape, in_place);
  const bool many = shape.batch >= 4;
  if (in_place) {
    if (!many) return "learned_slice_in_place";
    return bytes <= caches.l3_bytes / 8 ? "learned_l1_tiles_in_place" : "learned_groups_in_place";
  }
  if (bytes > caches.l3_bytes / 4) return many ? "learned_groups_nt" : "learned_slice_nt";
  return many ? "learned_groups" : "learned_slice";
}

const std::string_view kBestComputedRule =
    "out of place: polynomials with non-temporal stores where x and y take more than a quarter of "
    "L3, "
    "polynomials for four batch elements and more, else rotation, in tiles for rows a multiple of "
    "4 "
    "KiB apart and beyond twice L2, else in columns; in place: polynomials where tokens take a "
    "quarter "
    "of L3, else rotation, in tiles for four elements and rows a multiple of 4 KiB apart, else in "
    "columns";

std::string_view best_computed(BatchShape shape, bool in_place, CacheSizes caches) {
  const std::size_t bytes = token_bytes(shape, in_place);
  const std::size_t much = caches.l3_bytes / 4;
  const bool many = shape.batch >= 4;
  if (in_place) {
    if (bytes >= much) return "simd_in_place";
    return many || rows_collide(shape) ? "recurrence_tiles_in_place" : "recurrence_in_place";
  }
  if (bytes > much) return "simd_nt";
  if (many) return "simd";
  return rows_collide(shape) || bytes > 2 * caches.l2_bytes ? "recurrence_tiles" : "recurrence";
}

}  // namespace posbench
