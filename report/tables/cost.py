"""Tables of time: what C2 rests on."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Sequence

from report import cost
from report.arms import NONE, rank
from report.records.encoder_cost import EncoderCost
from report.statistics import LEVEL, Estimate
from report.tables import Context, Row, Value

REFERENCE = "learned"  # of encoder_cost


def bounds(estimate: Estimate) -> list[float]:
    """Ratio with its interval from the logarithm of a ratio."""
    return [math.exp(estimate.effect), *(math.exp(b) for b in estimate.interval(LEVEL))]


def by_shape(context: Context, state: str) -> list[Row]:
    rows: list[Row] = []
    for cell, processes in cost.cells(context.evidence).items():
        if cell.state != state:
            continue
        for arm in cost.arms_of(processes):
            found = cost.ratio(context.evidence, cell, processes, arm, cost.BASELINE)
            if found is not None:
                ns = cost.median_ns(processes, arm) / cell.elements
                shape: Row = [cell.isa, cell.hidden, cell.length, cell.batch]
                rows.append([*shape, arm, found.n, ns, *bounds(found)])
    return rows


def cost_hot(context: Context) -> list[Row]:
    return by_shape(context, "hot")


def cost_in_model(context: Context) -> list[Row]:
    return by_shape(context, "in_model")


def cost_dram_cold(context: Context) -> list[Row]:
    return by_shape(context, "dram_cold")


def cost_summary(context: Context) -> list[Row]:
    rows: list[Row] = []
    groups: dict[tuple[str, str], cost.Cells] = defaultdict(dict)
    for cell, processes in cost.cells(context.evidence).items():
        groups[cell.state, cell.isa][cell] = processes
    for (state, _), here in groups.items():
        for arm in cost.arms_of([p for processes in here.values() for p in processes]):
            found = cost.overall(context.evidence, here, arm, cost.BASELINE)
            if found is not None and arm != cost.BASELINE:
                mean = bounds(found.log_ratio)
                rows.append([arm, found.cells, state, *mean, found.least, found.most])
    return rows


def producer_error(context: Context) -> list[Row]:
    """The worst error of each arm over all cells, and where it was found."""
    found: dict[str, list[tuple[float, int, int]]] = defaultdict(list)
    far: dict[str, float] = {}
    skipped: dict[str, set[str]] = defaultdict(set)
    for cell, processes in cost.cells(context.evidence).items():
        for process in processes:
            for arm, error in process.max_abs_error.items():
                found[arm].append((error, cell.hidden, cell.length))
            for arm, error in process.max_abs_error_1e6.items():
                far[arm] = max(error, far.get(arm, 0.0))
            for arm, reason in process.skipped.items():
                skipped[arm].add(reason)
    rows: list[Row] = []
    for arm in sorted({*found, *skipped}, key=rank):
        worst = max(found[arm], default=(math.nan, 0, 0))
        places = len({(h, n) for _, h, n in found[arm]})
        rows.append([arm, places, *worst, far.get(arm, math.nan), "; ".join(sorted(skipped[arm]))])
    return rows


def encoder_share(context: Context) -> list[Row]:
    rows: list[Row] = []
    for shape, processes in cost.shapes(context.evidence).items():
        arms = {arm for p in processes for arm in p.arms}
        if NONE not in arms:
            continue  # the engine's own shapes: tables/engine.py
        floor = floor_of(shape, processes)
        for arm in sorted(arms, key=lambda a: (a != REFERENCE, a == NONE, a)):
            rows.append(share_row(shape, processes, arm, floor))
    return rows


def floor_of(shape: cost.Shape, processes: Sequence[EncoderCost]) -> float:
    """What a difference of whole passes cannot resolve: the far end of the twin's interval."""
    twin = cost.per_process(
        processes,
        lambda p: cost.difference_share(p, f"{REFERENCE}_again", REFERENCE),
        f"floor {shape!r}",
    )
    if twin is None:
        return math.nan
    low, high = twin.interval(LEVEL)
    return max(abs(low), abs(high))


def share_row(
    shape: cost.Shape, processes: Sequence[EncoderCost], arm: str, floor: float
) -> list[Value]:
    """One arm: in situ, and as difference from a pass without positions."""
    share = cost.per_process(processes, lambda p: cost.own_share(p, arm), f"share {shape!r} {arm}")
    apart = cost.per_process(
        processes,
        lambda p: cost.difference_share(p, arm, NONE) if arm != NONE else None,
        f"difference {shape!r} {arm}",
    )
    cross_check = ""
    if apart is not None and math.isfinite(floor):
        small = abs(apart.effect) <= floor
        cross_check = f"< {floor:.2f}" if small else f"{apart.effect:.2f}"
    whole = cost.median_ns(processes, arm)
    nothing = (math.nan, math.nan)
    return [
        shape.kind,
        shape.hidden,
        shape.layers,
        shape.length,
        shape.batch,
        arm,
        len(processes),
        whole / 1e3,
        whole / 1e3 * share.effect / 100 if share else math.nan,
        share.effect if share else math.nan,
        *(share.interval(LEVEL) if share else nothing),
        apart.effect if apart else math.nan,
        *(apart.interval(LEVEL) if apart else nothing),
        floor,
        cross_check,
    ]
