"""Which level of the memory hierarchy holds a working set, by the sizes that the host record names."""

from __future__ import annotations

from typing import Mapping, Sequence

from report import cost
from report.load import Evidence
from report.records.encoding_cost import EncodingCost

LEVELS = ("L1", "L2", "L3", "DRAM")
KEYS = ("l1d_bytes", "l2_bytes", "l3_bytes")  # what one core can use of each cache


def sizes(evidence: Evidence) -> Mapping[str, int]:
    """Bytes of each cache of the machine that timed, smallest first; empty where nothing was timed."""
    if evidence.timing_host is None:
        return {}
    facts = evidence.timing_host.facts
    return {level: int(facts[key]) for level, key in zip(LEVELS, KEYS) if facts.get(key)}


def level(evidence: Evidence, working_set: int) -> str:
    """The smallest cache that holds so many bytes, or DRAM."""
    fitting = [name for name, size in sizes(evidence).items() if working_set <= size]
    return fitting[0] if fitting else LEVELS[-1]


def level_of(evidence: Evidence, processes: Sequence[EncodingCost]) -> str:
    """The level of a cell: that of the lookup's working set, or of the largest where no lookup ran.

    One level for all arms of a cell, so that a mean over cells compares the same shapes.
    """
    touched = processes[0].working_set_bytes
    return level(evidence, touched.get(cost.BASELINE, max(touched.values(), default=0)))
