"""Accuracy trials paired by seed: what C1, C6 and their tables and charts all build on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Mapping

import numpy as np

from report.errors import ReportError
from report.load import Evidence
from report.records import Accuracy, Floats, Trial
from report.statistics import Estimate, paired_rate

# What may differ between the two trainings of a pair; everything else must be the same.
ARM_KEYS = (
    "arm encoding convention producer position_rms token_rms learning_rate precision init seed"
).split()
PER_CENT = 100.0  # accuracies are 0..1 in records and points here


def result_of(trial: Trial) -> Accuracy:
    assert isinstance(trial.result, Accuracy)
    return trial.result


@dataclass(frozen=True)
class Pairing:
    """All trials of one task: arm -> seed -> trial, equal but for the arm's own keys."""

    task: str
    recipe: Mapping[str, Any]
    arms: Mapping[str, Mapping[int, Trial]]
    estimates: dict[tuple[str, str], Estimate]  # filled on demand

    def seeds(self, arm: str, reference: str = "") -> list[int]:
        other = self.arms.get(reference or arm, {})
        return sorted(seed for seed in self.arms.get(arm, {}) if seed in other)

    def accuracy(self, arm: str, seeds: list[int]) -> Floats:
        """(S,) test accuracy in points."""
        return np.array([result_of(self.arms[arm][s]).test.accuracy * PER_CENT for s in seeds])

    def difference(self, arm: str, reference: str) -> Estimate:
        """Test accuracy of arm minus reference in points; two-level (seeds, test documents)."""
        return self.remember(arm, reference)

    def mean(self, arm: str) -> Estimate:
        """Test accuracy of an arm in points, with the same kind of error."""
        return self.remember(arm, "")

    def remember(self, arm: str, reference: str) -> Estimate:
        if (arm, reference) not in self.estimates:
            self.estimates[arm, reference] = self.estimate(arm, reference)
        return self.estimates[arm, reference]

    def estimate(self, arm: str, reference: str) -> Estimate:
        seeds = self.seeds(arm, reference)
        if not seeds:
            return Estimate(float("nan"), float("nan"), 0, 0)
        first = [result_of(self.arms[arm][s]) for s in seeds]
        column = {d: i for i, d in enumerate(sorted({d for r in first for d in r.documents}))}
        gain, units = np.zeros((2, len(seeds), len(column)))
        for row, (seed, result) in enumerate(zip(seeds, first)):
            columns = [column[d] for d in result.documents]
            units[row, columns] = result.units
            gain[row, columns] = result.correct
            if reference:
                other = self.arms[reference][seed]
                twin = result_of(other)
                if twin.documents != result.documents or not np.array_equal(
                    twin.units, result.units
                ):
                    raise ReportError(
                        f"{self.arms[arm][seed].path} and {other.path} have one seed but "
                        "different test documents, so they cannot be paired; measure both again "
                        "with one build and one copy of the data"
                    )
                gain[row, columns] -= twin.correct
        label = f"{self.task} {arm} {reference}"
        found = paired_rate(gain * PER_CENT, units, label)
        return found

    def seed_sd(self, arms: tuple[str, ...]) -> float:
        """Standard deviation of test accuracy over seeds, pooled over the arms; nan below two."""
        variances = [
            np.var(self.accuracy(a, self.seeds(a)), ddof=1) for a in arms if len(self.seeds(a)) >= 2
        ]
        return float(np.sqrt(np.mean(variances))) if variances else float("nan")


def pairing(evidence: Evidence, study: str, task: str, first_seed: int) -> Pairing | None:
    """The trials of a task from `first_seed` on; None where the runs hold none."""
    key = f"pairing {study} {task} {first_seed}"
    if key not in evidence.cache:
        evidence.cache[key] = make_pairing(evidence, study, task, first_seed)
    found: Pairing | None = evidence.cache[key]
    return found


def make_pairing(evidence: Evidence, study: str, task: str, first_seed: int) -> Pairing | None:
    recipes: dict[str, Trial] = {}
    arms: dict[str, dict[int, Trial]] = {}
    for trial in evidence.trials(study):
        if trial.spec.get("task") != task or trial.seed < first_seed:
            continue
        if not result_of(trial).units.sum():
            continue  # stopped before its test; the table of missing things names it
        recipe = {k: v for k, v in trial.spec.items() if k not in ARM_KEYS}
        recipes.setdefault(json.dumps(recipe, sort_keys=True), trial)
        seeds = arms.setdefault(str(trial.spec["arm"]), {})
        if trial.seed in seeds:
            raise ReportError(
                f"{seeds[trial.seed].path} and {trial.path} are both arm "
                f"'{trial.spec['arm']}' with seed {trial.seed} of {task}; a pair needs one: "
                "give runs of one study file"
            )
        seeds[trial.seed] = trial
    if len(recipes) > 1:
        one, other = list(recipes.values())[:2]
        different = sorted(
            k
            for k in {*one.spec, *other.spec}
            if k not in ARM_KEYS and one.spec.get(k) != other.spec.get(k)
        )
        raise ReportError(
            f"{one.path} and {other.path} are trainings of {task} that differ in "
            f"{', '.join(different)}, so they cannot be paired; give runs of one profile"
        )
    if not recipes:
        return None
    trial = next(iter(recipes.values()))
    recipe = {k: v for k, v in trial.spec.items() if k not in ARM_KEYS}
    return Pairing(task, recipe, arms, {})


def tasks(evidence: Evidence, study: str) -> list[str]:
    """Tasks of a study's accuracy trials, in the article's order where it has one."""
    found = {str(t.spec["task"]) for t in evidence.trials(study) if t.harness == "accuracy"}
    order = ["classification", "tagging"]
    return sorted(found, key=lambda t: (-order.index(t) if t in order else 1, t))


def arm_order(arms: Any) -> list[str]:
    """Arms as readers expect them: the two compared, then the rest, the negative control last."""
    order = {"learned": 0, "sinusoid": 1, "none": 99}
    return sorted(arms, key=lambda a: (order.get(a, 50), a))
