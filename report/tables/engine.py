"""Tables of the engine: how fast it is, where its time goes, and other engines beside it."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Mapping, Sequence

from report import cost, engine
from report.records.encoder_cost import EncoderCost
from report.records.peer_cost import PeerCost
from report.statistics import Estimate, LEVEL
from report.tables import Context, Row, Value
from report.tables.cost import REFERENCE, bounds

# Records from before projections and scores were told apart have their sum as `attention`.
PARTS = "embedding position projections scores attention feed_forward norm head optimizer".split()
NOTHING = (math.nan, math.nan, math.nan)


def with_bounds(log: Estimate | None) -> list[float]:
    return bounds(log) if log else list(NOTHING)


def encoder_speed(context: Context) -> list[Row]:
    """Each shape, kind of pass and precision that the engine ran with the learned table."""
    rows: list[Row] = []
    for shape, processes in engine_shapes(context):
        ns = cost.median_ns(processes, REFERENCE)
        share = engine.share_of_peak(processes, REFERENCE, repr(shape))
        rows.append(
            [
                *(shape.isa, shape.hidden, shape.layers, shape.length, shape.batch),
                f"{shape.kind}, {shape.precision}",
                len(processes),
                *with_bounds(share),
                ns / 1e6,
                1e9 * processes[0].tokens / ns,
                max(p.allocations[REFERENCE] for p in processes),
                max(p.library_allocations[REFERENCE] for p in processes),
            ]
        )
    return rows


def engine_shapes(context: Context) -> list[tuple[cost.Shape, list[EncoderCost]]]:
    """The shapes whose processes tell all parts, with those processes, by size."""
    found = []
    for shape, processes in cost.shapes(context.evidence).items():
        whole = [p for p in processes if REFERENCE in p.arms and len(p.f32_peak_gflops)]
        if whole:
            found.append((shape, whole))
    size = ("hidden", "layers", "length", "batch", "kind")
    return sorted(found, key=lambda item: [getattr(item[0], name) for name in size])


def encoder_parts(context: Context) -> list[Row]:
    """Where the time of each of them goes, in percent of the pass."""
    rows: list[Row] = []
    for shape, processes in engine_shapes(context):
        place: Row = [shape.kind, shape.isa, shape.precision]
        place += [shape.hidden, shape.layers, shape.length, shape.batch]
        ns = cost.median_ns(processes, REFERENCE)
        for part in PARTS:
            share = cost.per_process(
                processes,
                lambda p: cost.own_share(p, REFERENCE, part),
                f"part {shape!r} {part}",
            )
            if share is not None and (part != "optimizer" or shape.kind == "train"):
                numbers = [share.effect, *share.interval(LEVEL)]
                rows.append([*place, part, len(processes), *numbers, ns / 1e8 * share.effect])
    return rows


def peers(context: Context) -> list[Row]:
    """Each work in each engine; one that took no part says why."""
    rows: list[Row] = []
    for work, processes in engine.works(context.evidence).items():
        for arm in (engine.OURS, *engine.OTHERS):
            why = sorted({p.skipped[arm] for p in processes if arm in p.skipped})
            here = [p for p in processes if arm in p.arms]
            if here or why:
                rows.append([str(work), arm, len(here), *measured(work, here, arm), "; ".join(why)])
    return rows


def measured(work: engine.Work, processes: Sequence[PeerCost], arm: str) -> list[Value]:
    """What a row of `peers` says of an engine that took part, nothing of one that did not."""
    if not processes:
        return [math.nan] * 10
    ns = engine.call_ns(work, processes, arm)
    share = engine.work_share(work, processes, arm)
    memory = engine.memory_ratio(work, processes, arm)
    apart = [p.outputs_apart.get(arm, math.nan) for p in processes]
    scores = [100 * p.accuracy.get(arm, math.nan) for p in processes]
    slower = engine.speed_up(work, processes, arm) if arm != engine.OURS else None
    return [
        ns / 1e6,
        1e9 * processes[0].tokens / ns,
        math.exp(share.effect) if share else math.nan,
        *with_bounds(slower),
        max(apart),
        sum(scores) / len(scores),
        max(p.peak_memory_bytes[arm] for p in processes) / 1e6,
        math.exp(memory.effect) if memory and arm != engine.OURS else math.nan,
    ]


def peer_tuning(context: Context) -> list[Row]:
    """Versions and settings of each engine, as each work found them fastest."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for work, processes in engine.works(context.evidence).items():
        for process in processes:
            for arm in sorted(process.arms, key=(engine.OURS, *engine.OTHERS).index):
                settings = dict(process.tuning[arm])
                settings.pop("tried_ms", None)  # the times that chose stay in the record
                version = words(process.versions[arm])
                found[str(work), arm, version, words(settings)] += 1
    return [[*key[:2], processes, *key[2:]] for key, processes in found.items()]


def words(settings: Mapping[str, Any]) -> str:
    """Nested settings in one line."""
    return ", ".join(
        f"{key}: ({words(value)})" if isinstance(value, dict) else f"{key} {value}"
        for key, value in settings.items()
    )
