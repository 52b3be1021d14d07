"""Records of harness `encoder_cost`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from report.fields import Fields, Floats
from report.records.timing import Timing, gflop_of, peaks, timing


@dataclass(frozen=True)
class EncoderCost:
    arms: Mapping[str, Timing]
    timer_ns: float
    tokens: float  # of a call
    gflop: Mapping[str, float]  # in a call's matrix products
    f32_peak_gflops: Floats  # (blocks,): of the core, measured before each block
    memory: Mapping[str, Mapping[str, int]]  # parameters, and bytes, see MEMORY
    allocations: Mapping[str, int]  # of posbench's own code, in the arm's call with the most
    library_allocations: Mapping[str, int]


BEFORE_PARTS: Mapping[str, Any] = {
    "tokens": None,
    "gflop": None,
    "f32_peak_gflops": [],
    "allocations_per_call": {},
}


MEMORY = ("parameters", "position_parameters", "position_bytes", "working_bytes")


def parts_of(fields: Fields) -> Mapping[str, Floats]:
    """The times of each part; records from before the others were measured have the position's."""
    if "position_ns" in fields.table:
        return {"position": fields.numbers("position_ns")}
    parts = fields.table_at("parts")
    if "position" not in parts.table:
        parts.refuse("lacks 'position'")
    return {part: parts.numbers(part) for part in parts.table}


def read(fields: Fields, spec: Fields) -> EncoderCost:
    arms = {a: timing(t, parts_of(t)) for a, t in fields.table_at("arms").tables().items()}
    if "allocations_per_call" not in fields.table:  # written before the engine was measured
        fields = Fields({**BEFORE_PARTS, **fields.table}, fields.place, fields.way_out)
    allocations = fields.table_at("allocations_per_call").tables()
    # Absent in records from before arms could be of several systems.
    memory = fields.table_at("memory").tables() if "memory" in fields.table else {}
    return EncoderCost(
        arms=arms,
        timer_ns=fields.number("timer_ns"),
        tokens=fields.number("tokens"),
        gflop=gflop_of(fields, arms),
        f32_peak_gflops=peaks(fields, arms),
        memory={arm: {key: t.integer(key) for key in MEMORY} for arm, t in memory.items()},
        allocations={arm: t.integer("own") for arm, t in allocations.items()},
        library_allocations={arm: t.integer("libraries") for arm, t in allocations.items()},
    )
