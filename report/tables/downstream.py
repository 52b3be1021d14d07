"""All downstream settings together, and what a training took: what C6 rests on beside its verdicts."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np

from report.pairs import COMPARED, Pairing, arm_order, result_of
from report.fields import Floats
from report.rules import contrast
from report.statistics import (
    LEVEL,
    improvement_probability,
    interquartile_mean,
    stratified_interval,
)
from report.tables import Context, Row
from report.tables.accuracy import parts_in_order
from report.tables.compared import times_of


def settings(context: Context) -> list[Pairing]:
    """The settings of C6 that have pairs."""
    found = [contrast.pairing_of(p, context.evidence) for p in parts_in_order(context, "C6")]
    return [p for p in found if p is not None and p.seeds(*COMPARED)]


def downstream_summary(context: Context) -> list[Row]:
    """Interquartile means over settings and seeds in points, and the probability of improvement."""
    runs: list[Floats] = []  # per setting (seeds, 2)
    for pairing in settings(context):
        seeds = pairing.seeds(*COMPARED)
        runs.append(np.stack([pairing.scores(arm, seeds) for arm in COMPARED], axis=1))
    if not runs or min(len(r) for r in runs) < 2:
        return []

    def mean_of(column: int) -> float:
        return interquartile_mean(np.concatenate([r[:, column] for r in runs]))

    def difference(tasks: list[Floats]) -> float:
        return interquartile_mean(np.concatenate([t[:, 0] - t[:, 1] for t in tasks]))

    def probability(tasks: list[Floats]) -> float:
        return improvement_probability([t[:, 0] for t in tasks], [t[:, 1] for t in tasks])

    n = sum(len(r) for r in runs)
    nothing = float("nan")
    means: list[Row] = [
        ["iqm", arm, len(runs), n, mean_of(i), nothing, nothing] for i, arm in enumerate(COMPARED)
    ]
    return [
        *means,
        ["iqm_difference", "", len(runs), n, *with_interval(runs, difference)],
        ["improvement", "", len(runs), n, *with_interval(runs, probability)],
    ]


def with_interval(runs: list[Floats], statistic: Callable[[list[Floats]], float]) -> Row:
    name = statistic.__name__
    return [statistic(runs), *stratified_interval(runs, statistic, LEVEL, f"downstream {name}")]


def downstream_resources(context: Context) -> list[Row]:
    """Per arm what a training took, core-seconds over those of its twin in `none` on the same machine
    and peak memory; and the time of a forward pass over that without positions."""
    rows: list[Row] = []
    passes = times_of(context)
    found = settings(context)
    for arm in arm_order({arm for pairing in found for arm in pairing.arms}):
        ratios, memory = [], []
        for pairing in found:
            for seed in pairing.seeds(arm, "none"):
                one, other = (pairing.arms[a][seed] for a in (arm, "none"))
                if one.host == other.host:
                    ratios.append(one.core_seconds / other.core_seconds)
                    memory.append(one.peak_rss_bytes)
        if ratios:
            position = max(
                result_of(next(iter(p.arms[arm].values()))).position_parameters
                for p in found
                if arm in p.arms
            )
            rows.append(
                [
                    arm,
                    len(ratios),
                    float(np.median(ratios)),
                    float(np.median(memory)) / 1e6,
                    passes.get(("forward", arm), math.nan),
                    position,
                ]
            )
    return rows
