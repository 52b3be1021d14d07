"""Records of harness `memory_cost`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from report.fields import Fields


@dataclass(frozen=True)
class MemoryEncoding:
    exact: Mapping[str, int]
    allocated_bytes: int
    peak_rss_bytes: int
    difference_bytes: int
    explanation: str


@dataclass(frozen=True)
class MemoryModel:
    total_parameters: int
    position_parameters: int
    training_state_bytes: int


def read(fields: Fields, spec: Fields) -> MemoryEncoding | MemoryModel:
    if spec.text("measure") == "model":
        return MemoryModel(
            fields.integer("total_parameters"),
            fields.integer("position_parameters"),
            fields.integer("training_state_bytes"),
        )
    exact, measured = fields.table_at("exact"), fields.table_at("measured")
    return MemoryEncoding(
        exact={key: exact.integer(key) for key in exact.table},
        allocated_bytes=measured.integer("allocated_bytes"),
        peak_rss_bytes=measured.integer("peak_rss_bytes"),
        difference_bytes=fields.integer("difference_bytes"),
        explanation=fields.text("explanation"),
    )
