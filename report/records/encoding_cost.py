"""Records of harness `encoding_cost`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from report.fields import Fields
from report.records.timing import Timing, timing


@dataclass(frozen=True)
class EncodingCost:
    arms: Mapping[str, Timing]
    threads: int
    bytes: Mapping[str, int]  # that a call must move: x, y, each row of a table once
    stream: Mapping[str, str]  # the streaming arm with the same mix of loads and stores
    working_set_bytes: Mapping[str, int]  # that a call touches
    chosen: Mapping[str, str]  # the kernel that each `best` arm ran
    rule: Mapping[str, str]  # by which it chose, one sentence
    max_abs_error: Mapping[str, float]  # at positions below the length
    max_abs_error_1e6: Mapping[str, float]  # at positions up to a million
    skipped: Mapping[str, str]


BEFORE_LIMITS: Mapping[str, Any] = {
    "threads": 1,
    "bytes": {},
    "stream": {},
    "working_set_bytes": {},
    "chosen": {},
    "rule": {},
}


def read(fields: Fields, spec: Fields) -> EncodingCost:
    arms = {arm: timing(t) for arm, t in fields.table_at("arms").tables().items()}
    if "bytes" not in fields.table:  # written before arms had limits and rules of their own
        fields = Fields({**BEFORE_LIMITS, **fields.table}, fields.place, fields.way_out)
    found = EncodingCost(
        arms=arms,
        threads=fields.integer("threads"),
        bytes=fields.table_at("bytes").integers(),
        stream=fields.table_at("stream").texts(),
        working_set_bytes=fields.table_at("working_set_bytes").integers(),
        chosen=fields.table_at("chosen").texts(),
        rule=fields.table_at("rule").texts(),
        max_abs_error=fields.table_at("max_abs_error").floats(),
        max_abs_error_1e6=fields.table_at("max_abs_error_1e6").floats(),
        skipped=fields.table_at("skipped").texts(),
    )
    check_limits(fields, found)
    return found


def check_limits(fields: Fields, found: EncodingCost) -> None:
    """Refuses limits that cannot be computed: a share divides bytes by bytes."""
    for arm in found.bytes.keys() - found.working_set_bytes.keys():
        fields.refuse(f"has the bytes of '{arm}', but not its working set")
    for arm, stream in found.stream.items():
        if {arm, stream} <= found.arms.keys():
            if min(found.bytes.get(arm, 0), found.bytes.get(stream, 0)) <= 0:
                fields.refuse(f"gives '{arm}' the limit '{stream}', but not the bytes of both")
