"""What the name of an arm says: its source, then convention, storage and mode as suffixes.

`simd_t2t_bf16_nt` is the polynomial by tensor2tensor's formula, kept in bf16, written past the caches.
"""

from __future__ import annotations

import re
from typing import NamedTuple

STREAMS = "copy copy_nt stream_add stream_add_nt stream_add_in_place stream_update".split()
LOOKUPS = "learned_slice learned_groups learned_l1_tiles learned_gather".split()  # less the twin
COMPUTED = "recurrence recurrence_tiles simd vector_library libm libm_pow".split()
KINDS = {"best_lookup": LOOKUPS, "best_computed": COMPUTED}  # what a `best` chooses among
NONE = "none"  # without positions: nothing to do, so no share of any limit
ORDER = [  # from the limit over tables to the ways of computing
    *("copy", NONE, "stream_add", "stream_update"),
    *("best_lookup", "learned_slice", "learned_again", *LOOKUPS[1:], "sinusoid_table", "table"),
    *("best_computed", *COMPUTED),
    *(f"embed_{what}" for what in ("none", "learned", "simd", "recurrence", "unfused")),
]
SUFFIXES = re.compile(r"(.+?)(_t2t)?(_bf16_table|_bf16)?(_in_place|_nt)?(_segments)?")


class Arm(NamedTuple):
    """The parts of an arm's name; every suffix with its underscore, or empty."""

    source: str
    convention: str  # "_t2t"
    storage: str  # "_bf16" (table, x and y) | "_bf16_table"
    mode: str  # "_in_place" | "_nt" (non-temporal stores)
    segments: str  # "_segments" (fused arms only)

    @property
    def variant(self) -> str:
        """Storage and mode: what two arms must share before a ratio between them is fair."""
        return self.storage + self.mode


def parse(name: str) -> Arm:
    found = SUFFIXES.fullmatch(name)
    assert found is not None, "an arm has a name"
    return Arm(*(part or "" for part in found.groups()))


def rank(name: str) -> tuple[str | int, ...]:
    """Sorts arms: plain ones before their variants, each by source; unknown ones last."""
    arm = parse(name)
    place = ORDER.index(arm.source) if arm.source in ORDER else len(ORDER)
    return (arm.variant, place, arm.convention, arm.segments, name)


def in_kind(name: str, best: str) -> bool:
    """Is `name` one of the single arms that `best` could have chosen?

    In place and out of place are different tasks; ordinary and non-temporal stores are one.
    """
    arm, chooser = parse(name), parse(best)
    return (
        arm.source in KINDS.get(chooser.source, ())
        and (arm.convention, arm.storage) == (chooser.convention, chooser.storage)
        and (arm.mode == "_in_place") == (chooser.mode == "_in_place")
    )


def is_best(name: str) -> bool:
    return parse(name).source in KINDS
