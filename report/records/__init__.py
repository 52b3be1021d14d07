"""What a record is, once read: one module per harness, named like it, with its class and its reader.

A new harness is a new module with `read(fields, spec)`, named in `Result` and `READERS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping

from report.fields import Fields, Named
from report.records import (
    accuracy,
    baseline,
    encoder_cost,
    encoding_cost,
    encoding_error,
    memory_cost,
    peer_cost,
    probe,
    reading_cost,
)


@dataclass(frozen=True)
class Isa:
    """Instruction sets: what was asked for, and what the kernels and oneDNN then used."""

    asked: str
    used: str
    onednn: str


Result = (
    accuracy.Accuracy
    | baseline.Baseline
    | encoding_cost.EncodingCost
    | encoder_cost.EncoderCost
    | encoding_error.EncodingErrors
    | memory_cost.MemoryEncoding
    | memory_cost.MemoryModel
    | peer_cost.PeerCost
    | probe.Probe
    | reading_cost.ReadingCost
)

READERS: Mapping[str, Callable[[Fields, Fields], Result]] = {
    "accuracy": accuracy.read,
    "baseline": baseline.read,
    "encoder_cost": encoder_cost.read,
    "encoding_cost": encoding_cost.read,
    "encoding_error": encoding_error.read,
    "memory_cost": memory_cost.read,
    "peer_cost": peer_cost.read,
    "probe": probe.read,
    "reading_cost": reading_cost.read,
}


@dataclass(frozen=True)
class Trial:
    id: str
    harness: str
    spec: Mapping[str, Any]
    seed: int
    fingerprint: str
    isa: Isa
    host: str
    ended: str
    core_seconds: float
    peak_rss_bytes: int
    steal_share: float
    path: Path
    result: Result


def isa_of(fields: Fields) -> Isa:
    """The record's instruction sets; one that says nothing was made with the machine's own."""
    if "isa" not in fields.table:
        return Isa("native", "native", "native")
    isa = fields.table_at("isa")
    return Isa(isa.text("asked"), isa.text("used"), isa.text("onednn"))


def trial(fields: Fields, path: Path) -> Trial:
    """A trial from the fields of its record; raises ReportError where something is missing."""
    spec = fields.table_at("spec")
    harness = spec.text("harness")
    if harness not in READERS:
        fields.refuse(f"comes from harness '{harness}', which this report cannot read")
    if fields.text("schema") != f"posbench.{harness}/1":
        fields.refuse(f"has schema '{fields.text('schema')}', not 'posbench.{harness}/1'")
    provenance = fields.table_at("provenance")
    return Trial(
        id=fields.text("id"),
        harness=harness,
        spec=Named(spec.table, spec.place, spec.way_out),
        seed=spec.integer("seed"),
        fingerprint=fields.text("fingerprint"),
        isa=isa_of(fields),
        host=provenance.text("host"),
        ended=provenance.text("ended"),
        core_seconds=provenance.number("core_seconds"),
        peak_rss_bytes=provenance.integer("peak_rss_bytes"),
        steal_share=provenance.number("steal_share"),
        path=path,
        result=READERS[harness](fields.table_at("result"), spec),
    )
