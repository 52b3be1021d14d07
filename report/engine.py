"""What the engine reaches: beside other engines, and of its core's peak."""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

import numpy as np

from report.cost import Shape, joined
from report.load import Evidence
from report.fields import Floats
from report.records.encoder_cost import EncoderCost
from report.records.peer_cost import PeerCost
from report.statistics import Estimate, median_of_blocks, ratio_of_sums

PEERS = ("peers", "encoding_peers")  # the studies
OURS, OTHERS = "posbench", ("pytorch", "onnxruntime")
KINDS = ("train", "epoch", "forward")


class Work(NamedTuple):
    """What several engines computed on the same batches."""

    kind: str  # train: a step; epoch: a pass over a data set; forward
    precision: str
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    length: int
    batch: int
    batch_by: str  # of an epoch: tokens | sentences, else empty
    # What the harness takes where a spec says nothing, as all did before it knew other encoders:
    system: str = "encoder"
    encoding: str = "learned"
    convention: str = ""
    window: int = 256
    globals: int = 1

    @property
    def model(self) -> str:
        """[SYSTEM/]ENCODING[:CONVENTION], as in arms of encoder_cost; empty for the plain encoder with learned positions."""
        system = "" if self.system == "encoder" else f"{self.system}/"
        encoding = self.encoding + (f":{self.convention}" if self.convention else "")
        return "" if (system, encoding) == ("", "learned") else system + encoding

    def __str__(self) -> str:
        shape = f"d {self.hidden}, {self.layers} layers"
        if self.model:
            shape = f"{self.model}, {shape}"
        initial = Work._field_defaults
        if (self.window, self.globals) != (initial["window"], initial["globals"]):
            shape += f", window {self.window}, {self.globals} global"
        size = f"L {self.length}, B {self.batch}"
        if self.batch_by:
            size = f"{self.batch:,} {self.batch_by} a batch"
        shown = f"{self.kind}, {shape}, {size}"
        return shown if self.precision == "f32" else f"{shown}, {self.precision}"


Works = dict[Work, list[PeerCost]]
SHAPE = Work._fields[1 : Work._fields.index("batch_by")]


def works(evidence: Evidence, studies: Sequence[str] = PEERS) -> Works:
    """Processes by work, training first, each in order of process number."""
    found: Works = {}
    trials = [t for study in studies for t in evidence.trials(study)]
    for t in sorted(trials, key=lambda t: t.seed):
        assert isinstance(t.result, PeerCost)
        epoch = t.spec["work"] == "epoch"
        shape = {name: t.spec[name] for name in SHAPE}
        model = {name: t.spec.get(name, v) for name, v in Work._field_defaults.items()}
        by = t.spec["batch_by"] if epoch else ""
        key = Work(kind=t.spec["work"], **shape, batch_by=by, **model)
        found.setdefault(key, []).append(t.result)
    return dict(sorted(found.items(), key=lambda item: place(item[0])))


def place(work: Work) -> tuple[object, ...]:
    """Training first, by size, f32 before bf16, the plain encoder with learned positions before others."""
    size = (work.hidden, work.layers, work.length, work.batch)
    return (KINDS.index(work.kind), *size, work.precision != "f32", work.model, work)


def pytorch_times(evidence: Evidence, shape: Shape, arm: str) -> float:
    """How many times as long as ours PyTorch takes for an arm of encoder_cost; NaN where nobody asked."""
    plain = arm.removeprefix("encoder/").replace("sinusoid_table", "sinusoid")
    wanted = "" if plain == "learned" else plain
    size = ("kind", "precision", "hidden", "layers", "length", "batch")
    for work, processes in works(evidence).items():
        if work.model == wanted and all(getattr(work, n) == getattr(shape, n) for n in size):
            slower = speed_up(work, processes, "pytorch")
            return math.exp(slower.effect) if slower else math.nan
    return math.nan


def whole(process: PeerCost, arm: str) -> Floats:
    """(blocks,): nanoseconds of all calls of a block."""
    return process.arms[arm].ns * process.calls[arm]


def call_ns(work: Work, processes: Sequence[PeerCost], arm: str) -> float:
    """Nanoseconds a call, median over processes: an epoch's mean, else the median over blocks."""
    here = [p for p in processes if arm in p.arms]
    if work.kind == "epoch":
        return float(np.median([whole(p, arm).sum() / p.calls[arm].sum() for p in here]))
    return float(np.median([np.median(p.arms[arm].ns) for p in here])) if here else math.nan


def speed_up(work: Work, processes: Sequence[PeerCost], peer: str) -> Estimate | None:
    """Log of how many times as long as ours a peer takes; None where it took no part.

    The median of the blocks' ratios; of an epoch, whose blocks are different sentences, the ratio of the totals.
    """
    here = [p for p in processes if {peer, OURS} <= p.arms.keys()]
    if not here:
        return None
    label = f"speed-up {work!r} {peer}"
    if work.kind == "epoch":
        return ratio_of_sums([(whole(p, peer), whole(p, OURS)) for p in here], label)
    logs = []
    for theirs, ours in ((p.arms[peer], p.arms[OURS]) for p in here):
        i, j = joined(theirs, ours)
        logs.append(np.log(theirs.ns[i] / ours.ns[j]))
    return median_of_blocks(logs, label)


def memory_ratio(work: Work, processes: Sequence[PeerCost], peer: str) -> Estimate | None:
    """Log of our process's peak memory over the peer's; None where it took no part."""
    logs = [
        np.log([p.peak_memory_bytes[OURS] / p.peak_memory_bytes[peer]])
        for p in processes
        if {peer, OURS} <= p.peak_memory_bytes.keys()
    ]
    return median_of_blocks(logs, f"memory {work!r} {peer}") if logs else None


def share_of_peak(
    processes: Sequence[EncoderCost] | Sequence[PeerCost], arm: str, label: str
) -> Estimate | None:
    """Log of the percentage of the core's f32 peak that an arm's matrix products reach.

    Times and peak are of the same block; None where no process measured the peak.
    """
    logs = [
        np.log(1e11 * p.gflop[arm] / p.arms[arm].ns / p.f32_peak_gflops[p.arms[arm].block])
        for p in processes
        if arm in p.arms and len(p.f32_peak_gflops)
    ]
    return median_of_blocks(logs, f"share of peak {label} {arm}") if logs else None


def work_share(work: Work, processes: Sequence[PeerCost], arm: str) -> Estimate | None:
    """The same for a comparison; of an epoch the arithmetic and the time of the whole."""
    if work.kind != "epoch":
        return share_of_peak(processes, arm, repr(work))
    sums = [
        (1e11 * p.gflop[arm] * p.calls[arm], whole(p, arm) * p.f32_peak_gflops[p.arms[arm].block])
        for p in processes
        if arm in p.arms and len(p.f32_peak_gflops)
    ]
    return ratio_of_sums(sums, f"share of peak {work!r} {arm}") if sums else None
