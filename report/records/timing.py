"""What records of time share: one arm of one process, call by call, and the core it ran on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

import numpy as np
from numpy.typing import NDArray

from report.fields import Fields, Floats


@dataclass(frozen=True)
class Timing:
    """One arm of one process: nanoseconds per call, and the block in which each was taken."""

    block: NDArray[np.int64]
    ns: Floats
    parts: Mapping[str, Floats] = field(default_factory=dict)  # where they went (encoder_cost only)


def timing(fields: Fields, parts: Mapping[str, Floats] | None = None) -> Timing:
    found = Timing(fields.numbers("block").astype(np.int64), fields.numbers("ns"), parts or {})
    if any(len(found.ns) != len(other) for other in (found.block, *found.parts.values())):
        fields.refuse("has lists of different length")
    if not len(found.ns) or not np.all(found.ns > 0):
        fields.refuse("has no time, or one that is not positive")
    return found


def peaks(fields: Fields, arms: Mapping[str, Timing]) -> Floats:
    """The core's peak before each block; none in records from before it was measured."""
    found = fields.numbers("f32_peak_gflops")
    if len(found) and any(t.block.max() >= len(found) for t in arms.values()):
        fields.refuse("has fewer entries in 'f32_peak_gflops' than blocks")
    return found


def gflop_of(fields: Fields, arms: Mapping[str, Timing]) -> Mapping[str, float]:
    """By arm; one number, where it is the same for all."""
    if not isinstance(fields.table["gflop"], dict):
        return dict.fromkeys(arms, fields.number("gflop"))
    found = fields.table_at("gflop").floats()
    if missing := sorted(arms.keys() - found.keys()):
        fields.refuse(f"has no 'gflop' of '{missing[0]}'")
    return found
