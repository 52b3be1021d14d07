"""Trainings paired by seed: what every verdict about scores, its tables and charts build on.

Scores are in points (per cent of a share) or in nats (a loss). An *advantage* is always written so
that more is better for the first arm: points more, or nats less.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Mapping

import numpy as np

from report.errors import ReportError
from report.load import Evidence
from report.fields import Floats
from report.records import Trial
from report.records.accuracy import Accuracy, Side
from report.statistics import Estimate, Quotients, contrast, mean_over_seeds

# What may differ between the trainings of a pair; everything else must be the same.
ARM_KEYS = (
    "arm encoding convention producer position_rms token_rms learning_rate precision init seed "
    "keep_weights"
).split()
TEST = "test"
POSITIONS = "positions "
PER_CENT = 100.0  # shares are 0..1 in records
LOSS = "loss"  # the one headline of which less is better
COMPARED = ("learned", "sinusoid")
MAIN_RECIPE = ("task", "dataset", "system", "hidden", "layers", "max_length")


def result_of(trial: Trial) -> Accuracy:
    assert isinstance(trial.result, Accuracy)
    return trial.result


@dataclass(frozen=True)
class Pairing:
    """All trials of one setting: arm -> seed -> trial, equal but for the arm's own keys."""

    recipe: Mapping[str, Any]
    arms: Mapping[str, Mapping[int, Trial]]
    stopped: Mapping[
        str, set[int]
    ]  # arm -> seeds whose training broke off, so that they have no score
    estimates: dict[str, Estimate]  # filled on demand

    @property
    def task(self) -> str:
        return str(self.recipe["task"])

    @property
    def dataset(self) -> str:
        return str(self.recipe["dataset"])

    @property
    def name(self) -> str:
        return f"{self.task}, {self.dataset}"

    @property
    def metric(self) -> str:
        first = next(iter(self.arms.values()))
        return result_of(next(iter(first.values()))).metric

    @property
    def unit(self) -> str:
        return "nats" if self.metric == LOSS else "points"

    @property
    def scale(self) -> float:
        return 1.0 if self.metric == LOSS else PER_CENT

    @property
    def better(self) -> float:
        """1 where more is better, −1 where less is."""
        return -1.0 if self.metric == LOSS else 1.0

    def seeds(self, *arms: str) -> list[int]:
        """The seeds that all of these arms have."""
        sets = [set(self.arms.get(arm, {})) for arm in arms]
        return sorted(set.intersection(*sets)) if sets else []

    def marks(self, *arms: str) -> tuple[str, ...]:
        """What a verdict on these arms has to say of their trainings: that some broke off."""
        return ("broken_off",) if any(self.stopped.get(arm) for arm in arms) else ()

    def scores(self, arm: str, seeds: list[int], side: str = TEST) -> Floats:
        """(S,) headline of a test side, in points or nats."""
        return np.array([score_on(self.arms[arm][s], side) for s in seeds]) * self.scale

    def mean(self, arm: str) -> Estimate:
        """Test score of an arm in points or nats."""
        return self.remember({arm: self.better})

    def difference(self, arm: str, reference: str) -> Estimate:
        """The advantage of `arm` over `reference` on the test side."""
        return self.remember({arm: 1.0, reference: -1.0})

    def advantage(self, terms: Mapping[str, float]) -> Estimate:
        """The advantage that a weighted sum of arms adds up to. A term is an arm, or `arm@side`.

        Two-level (seeds, test documents); over seeds alone where a term is of some positions or of
        an old record: there documents are not told apart.
        """
        return self.remember(terms)

    def remember(self, terms: Mapping[str, float]) -> Estimate:
        key = json.dumps(terms)
        if key not in self.estimates:
            self.estimates[key] = self.estimate(terms)
        return self.estimates[key]

    def estimate(self, terms: Mapping[str, float]) -> Estimate:
        named = [(*side_of(term), weight) for term, weight in terms.items()]
        seeds = self.seeds(*(arm for arm, _, _ in named))
        if not seeds:
            return Estimate(math.nan, math.nan, 0, 0)
        if not all(documents_on(self.arms[a][s], side) for a, side, _ in named for s in seeds):
            total = np.zeros(len(seeds))
            for arm, side, weight in named:
                total += weight * self.better * self.scores(arm, seeds, side)
            return mean_over_seeds(total)
        first = self.arms[named[0][0]]
        documents = {
            d
            for arm, side, _ in named
            for s in seeds
            for d in documents_on(self.arms[arm][s], side)
        }
        column = {d: i for i, d in enumerate(sorted(documents))}
        factor = self.better * self.scale
        quotients = [
            self.quotients(arm, side, first, seeds, column, factor * weight)
            for arm, side, weight in named
        ]
        return contrast(quotients, f"{self.name} {json.dumps(terms)}")

    def quotients(
        self,
        arm: str,
        side: str,
        first: Mapping[int, Trial],
        seeds: list[int],
        column: Mapping[str, int],
        weight: float,
    ) -> Quotients:
        """An arm's scores on a side by seed and document. Raises ReportError unless `first` was
        tested on the same documents."""
        sums, counts = np.zeros((2, len(seeds), len(column)))
        for row, seed in enumerate(seeds):
            trial = self.arms[arm][seed]
            result, twin = result_of(trial), result_of(first[seed])
            if twin.documents != result.documents or not np.array_equal(twin.units, result.units):
                raise ReportError(
                    f"{first[seed].path} and {trial.path} have one seed but "
                    "different test documents, so they cannot be paired; measure both again "
                    "with one build and one copy of the data"
                )
            told = on_side(trial, side)
            columns = [column[d] for d in told.documents]
            # A document may come in several pieces.
            np.add.at(sums[row], columns, told.sums)
            np.add.at(counts[row], columns, told.counts)
        return Quotients(weight, sums, counts)


def score_on(trial: Trial, side: str) -> float:
    """The headline on `test`, on a side of longer texts, or the loss on `positions FIRST-LAST`.

    Raises ReportError where the record has no such side.
    """
    result = result_of(trial)
    if side == TEST:
        return result.headline
    if side.startswith(POSITIONS):
        first, last = (int(p) for p in side.removeprefix(POSITIONS).split("-"))
        inside = [(loss, n) for p, loss, n in result.loss_by_position if first <= p <= last]
        if units := sum(n for _, n in inside):
            return math.fsum(loss * n for loss, n in inside) / units
    elif side in result.longer:
        return result.on(result.longer[side])
    raise ReportError(
        f"{trial.path} has no scores of side '{side}', which a claim asks for; measure it again with "
        "this version"
    )


def on_side(trial: Trial, side: str) -> Accuracy | Side:
    """What the record says of the test side, or of one of longer texts, document by document."""
    result = result_of(trial)
    return result.longer.get(side, Side(0.0, 0.0, 0)) if side != TEST else result


def documents_on(trial: Trial, side: str) -> list[str]:
    """The documents of a side that the record tells apart; none in old records."""
    told = on_side(trial, side)
    return told.documents if len(told.sums) else []


def side_of(term: str) -> tuple[str, str]:
    """`arm@side` -> arm, side; an arm alone is meant on the test side."""
    arm, _, side = term.partition("@")
    return arm, side or TEST


def arms_of(terms: Mapping[str, float]) -> tuple[str, ...]:
    """The arms that the terms of an advantage name, each once."""
    return tuple(dict.fromkeys(side_of(term)[0] for term in terms))


def pairing(
    evidence: Evidence,
    study: str,
    first_seed: int,
    where: Mapping[str, Any],
    arms: tuple[str, ...],
    varies: tuple[str, ...] = (),
) -> Pairing | None:
    """The trials of `arms`, and of all that share their recipe, from `first_seed` on whose specs say
    what `where` says; None where there are none.

    varies: keys that arms may differ in besides their own. Raises ReportError where the trials of
    `arms` differ in others.
    """
    key = f"pairing {study} {first_seed} {json.dumps(where, sort_keys=True)} {arms} {varies}"
    if key not in evidence.cache:
        every = pairings(evidence, study, first_seed, where, varies)
        found = [p for p in every if all(arm in p.arms for arm in arms)]
        parted = [p for p in every if any(arm in p.arms for arm in arms)]
        if len(found) > 1 or (not found and len(parted) > 1):
            refuse_mixture(*(found or parted)[:2])
        evidence.cache[key] = next(iter(found or parted), None)
    made: Pairing | None = evidence.cache[key]
    return made


def pairings(
    evidence: Evidence,
    study: str,
    first_seed: int,
    where: Mapping[str, Any] | None = None,
    varies: tuple[str, ...] = (),
) -> list[Pairing]:
    """One pairing for each recipe of a study, in the order of tasks, data sets and sizes."""
    own = {*ARM_KEYS, *varies}
    recipes: dict[str, dict[str, Any]] = {}
    arms: dict[str, dict[str, dict[int, Trial]]] = {}
    stopped: dict[str, dict[str, set[int]]] = {}
    for trial in evidence.trials(study):
        if trial.harness != "accuracy" or trial.seed < first_seed:
            continue
        if any(trial.spec.get(k) != v for k, v in (where or {}).items()):
            continue
        recipe = {k: v for k, v in trial.spec.items() if k not in own}
        key = json.dumps(recipe, sort_keys=True)
        if not result_of(trial).units.sum():
            of = stopped.setdefault(key, {}).setdefault(str(trial.spec["arm"]), set())
            of.add(trial.seed)
            continue
        recipes.setdefault(key, recipe)
        seeds = arms.setdefault(key, {}).setdefault(str(trial.spec["arm"]), {})
        if trial.seed in seeds:
            raise ReportError(
                f"{seeds[trial.seed].path} and {trial.path} are both arm "
                f"'{trial.spec['arm']}' with seed {trial.seed} of {trial.spec['task']}; a pair needs "
                "one: give runs of one study file"
            )
        seeds[trial.seed] = trial
    order = sorted(
        recipes, key=lambda k: [f"{recipes[k].get(m, ''):>24}" for m in MAIN_RECIPE] + [k]
    )
    return [Pairing(recipes[k], arms[k], stopped.get(k, {}), {}) for k in order]


def refuse_mixture(one: Pairing, other: Pairing) -> None:
    paths = [next(iter(next(iter(p.arms.values())).values())).path for p in (one, other)]
    different = sorted(
        k for k in {*one.recipe, *other.recipe} if one.recipe.get(k) != other.recipe.get(k)
    )
    raise ReportError(
        f"{paths[0]} and {paths[1]} are trainings of {one.task} that differ in "
        f"{', '.join(different)}, so they cannot be paired; give runs of one profile"
    )


def arm_order(arms: Any) -> list[str]:
    """Arms as readers expect them: the two compared, then the rest, the negative control last."""
    order = {**{arm: i for i, arm in enumerate(COMPARED)}, "none": 99}
    return sorted(arms, key=lambda a: (order.get(a, 50), a))
