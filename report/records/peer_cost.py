"""Records of harness `peer_cost`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from report.fields import Fields, Floats
from report.records.timing import Timing, gflop_of, peaks, timing


@dataclass(frozen=True)
class PeerCost:
    """The same encoder in several engines; times are CPU time."""

    arms: Mapping[str, Timing]
    calls: Mapping[str, Floats]  # behind each time
    skipped: Mapping[str, str]  # engine -> why it took no part
    peak_memory_bytes: Mapping[str, int]  # of the engine's whole process
    tokens: float  # of a call
    gflop: Mapping[str, float]  # in a call's matrix products
    f32_peak_gflops: Floats  # (blocks,): of the core, measured before each block
    outputs_apart: Mapping[str, float]  # largest difference of logits from ours, over their RMS
    accuracy: Mapping[str, float]  # after an epoch
    versions: Mapping[str, Mapping[str, str]]
    tuning: Mapping[str, Mapping[str, Any]]


def read(fields: Fields, spec: Fields) -> PeerCost:
    tables = fields.table_at("arms").tables()
    arms = {arm: timing(t) for arm, t in tables.items()}
    agreement = fields.table_at("agreement").table
    return PeerCost(
        arms=arms,
        calls={arm: t.numbers("calls") for arm, t in tables.items()},
        skipped=fields.table_at("skipped").texts(),
        peak_memory_bytes=fields.table_at("peak_memory_bytes").integers(),
        tokens=fields.number("tokens"),
        gflop=gflop_of(fields, arms),
        f32_peak_gflops=peaks(fields, arms),
        outputs_apart=agreement.get("outputs", {}),
        accuracy=agreement.get("accuracy", {}),
        versions={arm: t.texts() for arm, t in fields.table_at("versions").tables().items()},
        tuning={arm: t.table for arm, t in fields.table_at("tuning").tables().items()},
    )
