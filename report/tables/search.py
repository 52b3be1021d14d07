"""Tables of the search for scales and learning rates, on development sides with seeds below 100.

A successive halving: `tuning` trains every point of the grid for a part of the steps, and
`tuning_final` the best of each arm for all of them. Its winners stand in bench/tuned.toml, which
the studies of accuracy refer to, and what the better of the two arms is ahead of `none` is the gap
that locked margins come from.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence

import numpy as np

from report.load import Evidence
from report.pairs import LOSS, PER_CENT, arm_order, result_of
from report.records import Trial
from report.records.accuracy import Accuracy, Score
from report.tables import Context, Row
from report.tables.accuracy import comparisons

FIRST, FINAL = "tuning", "tuning_final"
POINT = ("position_rms", "token_rms", "learning_rate")
CELL = ("task", "dataset", "arm", *POINT)
BASELINE = "none"

Cells = dict[tuple[str | float, ...], list[Trial]]  # CELL and steps -> trials


def cells_of(trials: Sequence[Trial]) -> Cells:
    """Trials by cell, those that diverged left out."""
    cells: Cells = defaultdict(list)
    for trial in trials:
        if not result_of(trial).stopped:
            cells[(*(trial.spec.get(k, 0.0) for k in CELL), trial.spec["steps"])].append(trial)
    return cells


def mean_score(trials: Sequence[Trial], side: Callable[[Accuracy], Score]) -> float:
    """Mean over seeds on a side, in points or nats."""
    found = [result_of(trial) for trial in trials]
    scale = 1.0 if found[0].metric == LOSS else PER_CENT
    return float(np.mean([r.on(side(r)) for r in found])) * scale


def dev_score(trials: Sequence[Trial]) -> float:
    return mean_score(trials, lambda result: result.dev)


def scale_curve(context: Context) -> list[Row]:
    """Every cell of the search, and which of them the comparison stands at."""
    chosen = {
        tuple(trial.spec.get(k, 0.0) for k in CELL)
        for _, pairing in comparisons(context)
        for trials in pairing.arms.values()
        for trial in trials.values()
    }
    cells = cells_of([t for study in (FIRST, FINAL) for t in context.evidence.trials(study)])
    order = {arm: i for i, arm in enumerate(arm_order({str(k[2]) for k in cells}))}
    rows: list[Row] = []
    for key in sorted(cells, key=lambda k: (*k[:2], order[str(k[2])], -float(k[6]), *k[3:6])):
        found = [result_of(trial) for trial in cells[key]]
        rows.append(
            [
                *key[:5],
                key[6],
                len(found),
                found[0].metric,
                key[5],
                dev_score(cells[key]),
                float(np.mean([r.dev.loss for r in found])),
                "chosen" if key[:6] in chosen else "",
            ]
        )
    return rows


@dataclass(frozen=True)
class Winner:
    """The best point of an arm on a setting in the last rung."""

    task: str
    dataset: str
    arm: str
    point: Mapping[str, float]  # POINT -> value
    seeds: int
    metric: str
    score: float
    next_score: float  # the runner-up's, nan where there is none: how much the choice could matter
    edges: list[str]  # where it is the lowest or the highest value that was tried in any rung
    ahead: float  # of the best without positions, nan where that was not trained; on the test side


def winners(evidence: Evidence) -> list[Winner]:
    """Of every arm on every setting that the last rung has.

    A point must have as many seeds as any of its arm: a further seed is given to those that lead.
    What a winner is ahead is read on the test side of the same seeds, which did not choose it.
    """
    tried = cells_of([t for study in (FIRST, FINAL) for t in evidence.trials(study)])
    contests: dict[tuple[str, str], dict[str, Cells]] = defaultdict(lambda: defaultdict(dict))
    for key, trials in cells_of(evidence.trials(FINAL)).items():
        contests[(str(key[0]), str(key[1]))][str(key[2])][key] = trials
    found = []
    for (task, dataset), arms in sorted(contests.items()):
        metric = result_of(next(iter(next(iter(arms.values())).values()))[0]).metric
        better = -1.0 if metric == LOSS else 1.0
        ranked = {}
        for arm, cells in arms.items():
            most = max(map(len, cells.values()))
            scores = [(dev_score(t), key) for key, t in cells.items() if len(t) == most]
            ranked[arm] = sorted(scores, key=lambda s: -better * s[0])
        best = {arm: arms[arm][ranked[arm][0][1]] for arm in ranked}
        for arm in arm_order(set(ranked)):
            score, key = ranked[arm][0]
            found.append(
                Winner(
                    task=task,
                    dataset=dataset,
                    arm=arm,
                    point={name: float(value) for name, value in zip(POINT, key[3:6])},
                    seeds=len(best[arm]),
                    metric=metric,
                    score=score,
                    edges=edges([k[3:6] for k in tried if k[:3] == key[:3]], key[3:6]),
                    next_score=ranked[arm][1][0] if len(ranked[arm]) > 1 else math.nan,
                    ahead=better * lead(best[arm], best.get(BASELINE, [])),
                )
            )
    return found


def lead(trials: Sequence[Trial], reference: Sequence[Trial]) -> float:
    """Difference of the mean test scores on the seeds that both have; nan where there are none."""
    seeds = {t.seed for t in trials} & {t.seed for t in reference}
    if not seeds:
        return math.nan
    one, other = ([t for t in side if t.seed in seeds] for side in (trials, reference))
    return mean_score(one, lambda r: r.test) - mean_score(other, lambda r: r.test)


def edges(tried: Sequence[tuple[str | float, ...]], point: tuple[str | float, ...]) -> list[str]:
    """Which of a point's values nothing that was tried brackets."""
    found = []
    for name, value, values in zip(POINT, point, zip(*tried)):
        if len(set(values)) > 1 and value in (min(values), max(values)):
            scale = name.removesuffix("_rms").removeprefix("learning_")
            found.append(f"{'low' if value == min(values) else 'high'} {scale}")
    return found


def search(context: Context) -> list[Row]:
    rows: list[Row] = []
    for w in winners(context.evidence):
        rows.append([w.task, w.dataset, w.arm, *w.point.values(), "; ".join(w.edges), w.seeds])
        rows[-1] += [w.metric, w.score, w.next_score, w.ahead]
    return rows
