"""What encoders and simpler predictors reach on each data set, and what they know about order."""

from __future__ import annotations

import math

import numpy as np

from report import scores
from report.pairs import LOSS, PER_CENT, arm_order
from report.scores import Contest
from report.records.probe import Probe
from report.tables import Context, Row, Value

STUDIES = ("tasks", "own")
ORDER = ("order_diagnostics",)
LONGER = ("test 1.25x", "test 1.5x", "test 2x")


def scale(contest: Contest) -> float:
    return 1.0 if contest.metric == LOSS else PER_CENT


def task_scores(context: Context) -> list[Row]:
    """Per task and data set: every arm, the best first, then the baselines."""
    rows: list[Row] = []
    for contest in scores.contests(context.evidence, STUDIES):
        sign = 1 if contest.metric == LOSS else -1
        best = contest.best()
        marks = {True: "matter", False: "hardly_matter", None: "open"}
        mark = marks[contest.depends_on_positions()]
        for arm in sorted(contest.arms, key=lambda a: (sign * contest.mean(a).value, a)):
            gap: Value = ""
            if best and arm != best:
                gap = float(np.mean(contest.behind(arm, best) or [math.nan])) * scale(contest)
            rows.append([*score_row(contest, arm), gap, mark if arm == "none" else ""])
        for name in sorted(contest.baselines):
            rows.append([*score_row(contest, name), "", "baseline"])
    return rows


def score_row(contest: Contest, arm: str) -> Row:
    value, low, high, seeds = contest.mean(arm)
    factor = scale(contest)
    return [
        contest.task,
        contest.dataset,
        arm,
        seeds,
        contest.metric,
        value * factor,
        low * factor,
        high * factor,
    ]


def probe_scores(context: Context) -> list[Row]:
    """Per table: what a linear map reads off it, and off random ones; means over seeds."""
    found: dict[tuple[int, int, str], list[Probe]] = {}
    for trial in context.evidence.trials("position_probes"):
        assert isinstance(trial.result, Probe)
        key = (trial.spec["hidden"], trial.spec["length"], str(trial.spec["arm"]))
        found.setdefault(key, []).append(trial.result)
    return [
        [
            *key,
            len(results),
            float(np.mean([r.r2 for r in results])),
            float(np.mean([r.random_r2.mean() for r in results])),
            float(np.mean([r.band_accuracy for r in results])) * PER_CENT,
            float(np.mean([r.random_band_accuracy.mean() for r in results])) * PER_CENT,
        ]
        for key, results in sorted(found.items())
    ]


def order_scores(context: Context) -> list[Row]:
    """Per diagnostic: chance, and each arm on texts as long as in training and longer, in per cent."""
    rows: list[Row] = []
    for contest in scores.contests(context.evidence, ORDER):
        theory = contest.theory
        if theory is None:
            continue
        for arm in arm_order(contest.arms):
            results = list(contest.arms[arm].values())
            longer = [
                scores.mean([r.longer[side].accuracy for r in results if side in r.longer]).value
                for side in LONGER
            ]
            rows.append(
                [
                    contest.dataset,
                    arm,
                    "yes" if arm in theory.allowed else "no",
                    len(results),
                    theory.chance * PER_CENT,
                    contest.mean(arm).value * PER_CENT,
                    *(value * PER_CENT for value in longer),
                ]
            )
    return rows
