"""Trainings on several tasks and data sets, each scored by its task's own headline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Mapping, NamedTuple

import numpy as np
from scipy import stats

from report.load import Evidence
from report.pairs import LOSS
from report.records import Trial
from report.records.accuracy import Accuracy, Theory
from report.records.baseline import Baseline
from report.statistics import deviation


class Mean(NamedTuple):
    """Over seeds, with the Student interval at 95 %; nan bounds below two seeds."""

    value: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Contest:
    """What the arms of one task on one data set scored."""

    study: str
    task: str
    dataset: str
    metric: str
    arms: Mapping[str, Mapping[int, Accuracy]]  # arm -> seed -> result
    baselines: Mapping[str, Mapping[int, Baseline]]

    @property
    def theory(self) -> Theory | None:
        return next((r.theory for arm in self.arms.values() for r in arm.values()), None)

    def mean(self, arm: str) -> Mean:
        found: Mapping[int, Accuracy | Baseline] = self.arms.get(arm) or self.baselines[arm]
        return mean([result.headline for result in found.values()])

    def best(self, but: str = "none") -> str:
        """The arm with the best mean; ties go to the first by name. Empty where there is none."""
        sign = 1 if self.metric == LOSS else -1
        arms = sorted(arm for arm in self.arms if arm != but)
        return min(arms, key=lambda arm: sign * self.mean(arm).value, default="")

    def behind(self, arm: str, reference: str) -> list[float]:
        """By how much `arm` is worse than `reference`, by seed that both have."""
        sign = 1 if self.metric == LOSS else -1
        both = sorted(self.arms[arm].keys() & self.arms[reference].keys())
        return [
            sign * (self.arms[arm][s].headline - self.arms[reference][s].headline) for s in both
        ]

    def depends_on_positions(self) -> bool | None:
        """The gate: whether the interval of (best - none) lies above five of its deviations over seeds.

        None where fewer than two seeds, or no `none`, leave that open.
        """
        best = self.best()
        if "none" not in self.arms or not best:
            return None
        gains = self.behind("none", best)
        return mean(gains).low > 5 * deviation(np.array(gains)) if len(gains) > 1 else None


def mean(values: list[float]) -> Mean:
    if not values:
        return Mean(math.nan, math.nan, math.nan, 0)
    center = float(np.mean(values))
    if len(values) < 2:
        return Mean(center, math.nan, math.nan, 1)
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    reach = error * float(stats.t.ppf(0.975, len(values) - 1))
    return Mean(center, center - reach, center + reach, len(values))


def contests(evidence: Evidence, studies: tuple[str, ...]) -> list[Contest]:
    """By study, task and data set, in the order of the records' names; trainings that broke off are left."""
    found: dict[tuple[str, str, str], list[Trial]] = {}
    for study in studies:
        for trial in evidence.trials(study):
            if isinstance(trial.result, Accuracy) and trial.result.stopped is None:
                key = (study, str(trial.spec["task"]), str(trial.spec["dataset"]))
                found.setdefault(key, []).append(trial)
    rivals: dict[tuple[str, str], dict[str, dict[int, Baseline]]] = {}
    for trial in evidence.of("baseline"):
        assert isinstance(trial.result, Baseline)
        of = rivals.setdefault((str(trial.spec["task"]), str(trial.spec["dataset"])), {})
        of.setdefault(str(trial.spec["arm"]), {})[trial.seed] = trial.result
    made = []
    for (study, task, dataset), trials in sorted(found.items()):
        arms: dict[str, dict[int, Accuracy]] = {}
        for trial in trials:
            assert isinstance(trial.result, Accuracy)
            arms.setdefault(str(trial.spec["arm"]), {})[trial.seed] = trial.result
        metric = next(iter(arms[min(arms)].values())).metric
        made.append(Contest(study, task, dataset, metric, arms, rivals.get((task, dataset), {})))
    return made
