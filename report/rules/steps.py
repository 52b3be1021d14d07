"""Which arm needs fewer training steps to a loss that was fixed beforehand?

The effect is the ratio of steps, arm over reference: the geometric mean over paired seeds. A curve
is read off the development side; between two of its points the loss is taken to fall in a straight
line. An arm that never gets there counts as having arrived with its last step. That flatters it, so
where the arm did it cannot be called faster, and where the reference did it cannot be called not
faster. A seed where neither arrives has no ratio, and counts for both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Mapping

import numpy as np

from report.load import Evidence
from report.pairs import Pairing, result_of
from report.records import Trial
from report.records.accuracy import CurvePoint
from report.rules import CONTRADICTED, SUPPORTED, UNDECIDED, Finding, Part
from report.rules.contrast import pairing_of
from report.statistics import Estimate, mean_over_seeds


def steps_to(curve: list[CurvePoint], target: float) -> float:
    """The step at which the development loss first is at most `target`; inf where it never is."""
    before: CurvePoint | None = None
    for point in curve:
        if point.dev_loss <= target:
            if before is None or before.dev_loss == point.dev_loss:
                return float(point.step)
            share = (before.dev_loss - target) / (before.dev_loss - point.dev_loss)
            return before.step + share * (point.step - before.step)
        before = point
    return math.inf


@dataclass(frozen=True)
class Race:
    """Two arms of C7 on the same trainings, and the losses that somebody asks about, the easiest first."""

    name: str  # of the first part that asks
    arm: str
    reference: str
    losses: list[float]
    pairing: Pairing


def races(parts: Mapping[str, Part], evidence: Evidence) -> list[Race]:
    """The comparisons of steps among the parts of a claim that have trainings, each once."""
    found: dict[tuple[str, str, str], Race] = {}
    for name, part in parts.items():
        if part["kind"] != "steps" or (pairing := pairing_of(part, evidence)) is None:
            continue
        key = (part["study"], part["arm"], part["reference"])
        race = found.setdefault(key, Race(name, part["arm"], part["reference"], [], pairing))
        race.losses[:] = sorted({*race.losses, part["target"], *part["other_losses"]}, reverse=True)
    return list(found.values())


@dataclass(frozen=True)
class Arrivals:
    """log(steps of arm / steps of reference) by seed, and how many trainings never arrived."""

    logs: list[float]
    arm_never: int
    reference_never: int

    @property
    def bound(self) -> str:
        """What their mean is of the truth: an arm that never arrives counts as faster than it is."""
        if self.arm_never and self.reference_never:
            return "≈"
        return "≥" if self.arm_never else "≤" if self.reference_never else ""


def arrivals(part: Part, pairing: Pairing) -> Arrivals:
    logs = []
    never = {part["arm"]: 0, part["reference"]: 0}
    for seed in pairing.seeds(*never):
        steps = {arm: arrival(pairing.arms[arm][seed], part["target"]) for arm in never}
        for arm, at in steps.items():
            never[arm] += math.isinf(at)
        if not all(math.isinf(at) for at in steps.values()):
            last = float(result_of(pairing.arms[part["arm"]][seed]).curve[-1].step)
            one, other = (min(steps[arm], last) for arm in never)
            logs.append(math.log(one / other))
    return Arrivals(logs, *never.values())


def arrival(trial: Trial, target: float) -> float:
    return steps_to(result_of(trial).curve, target)


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """Supported where the whole interval lies below 1 - margin, contradicted where above."""
    pairing = pairing_of(part, evidence)
    setting = f"{part['task']}, {part['dataset']}, to {part['target']:g} nats"
    if pairing is None or not pairing.seeds(part["arm"], part["reference"]):
        return Finding(UNDECIDED, "no_records", {"study": part["study"]}, setting)
    found = arrivals(part, pairing)
    if found.bound:
        missing = f"{part['arm']} {found.arm_never}, {part['reference']} {found.reference_never}"
        setting += f"; seeds that never arrived: {missing}"
    ratio = mean_over_seeds(np.array(found.logs))
    low, high = ratio.interval(part["level"])
    bound = math.log(1 - part["margin"])
    verdict, reason = verdict_of(part, ratio, found, bound)
    return Finding(
        verdict=verdict,
        reason=reason,
        values={
            "n": ratio.n,
            "least": part["min_seeds"],
            "bound": 1 - part["margin"],
            "arm_never": found.arm_never,
            "reference_never": found.reference_never,
            "reachable": math.exp(bound - ratio.detectable(part["power"], part["alpha"])),
        },
        setting=setting,
        effect=math.exp(ratio.effect),
        low=math.exp(low),
        high=math.exp(high),
        level=part["level"],
        margin=part["margin"],
        unit="ratio",
        n=ratio.n,
        p=1.0 if found.arm_never else ratio.p_below(bound),  # it cannot be found faster
        superior=True,
        bound=found.bound,
        marks=pairing.marks(part["arm"], part["reference"]),
        estimate=ratio,
    )


def verdict_of(part: Part, ratio: Estimate, found: Arrivals, bound: float) -> tuple[str, str]:
    low, high = ratio.interval(part["level"])
    if ratio.n < part["min_seeds"]:
        return UNDECIDED, "too_few_arrivals"
    if high < bound:
        return (UNDECIDED, "arm_never") if found.arm_never else (SUPPORTED, "faster")
    if low > bound:
        if found.reference_never:
            return UNDECIDED, "reference_never"
        if low > -bound:
            return CONTRADICTED, "slower"
        equal = high < -bound and not found.arm_never
        return CONTRADICTED, "as_fast" if equal else "not_faster"
    return UNDECIDED, "straddles_faster"
