"""Which arm needs fewer training steps to a loss that was fixed beforehand?

The effect is the ratio of steps, arm over reference: the geometric mean over paired seeds. A curve
is read off the development side; between two of its points the loss is taken to fall in a straight
line. An arm that never gets there counts as having arrived with its last step, which can only bring
the ratio nearer to 1; a seed where neither does says nothing and is left out. Both are counted.
"""

from __future__ import annotations

import math
from typing import Mapping

import numpy as np

from report.load import Evidence
from report.pairs import Pairing, result_of
from report.records import CurvePoint, Trial
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


def log_ratios(part: Part, pairing: Pairing) -> tuple[list[float], int]:
    """log(steps of arm / steps of reference) by seed, and how often one of the two never arrived."""
    found, censored = [], 0
    for seed in pairing.seeds(part["arm"], part["reference"]):
        steps = [
            arrival(pairing.arms[a][seed], part["target"]) for a in (part["arm"], part["reference"])
        ]
        censored += sum(math.isinf(s) for s in steps)
        if not all(math.isinf(s) for s in steps):
            last = result_of(pairing.arms[part["arm"]][seed]).curve[-1].step
            one, other = (min(s, float(last)) for s in steps)
            found.append(math.log(one / other))
    return found, censored


def arrival(trial: Trial, target: float) -> float:
    return steps_to(result_of(trial).curve, target)


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """Supported where the whole interval lies below 1 - margin, contradicted where above."""
    pairing = pairing_of(part, evidence)
    setting = f"{part['task']}, {part['dataset']}, to {part['target']:g} nats"
    if pairing is None or not pairing.seeds(part["arm"], part["reference"]):
        return Finding(UNDECIDED, "no_records", {"study": part["study"]}, setting)
    logs, censored = log_ratios(part, pairing)
    ratio = mean_over_seeds(np.array(logs))
    low, high = ratio.interval(part["level"])
    bound = math.log(1 - part["margin"])
    verdict, reason = verdict_of(part, ratio, low, high, bound)
    return Finding(
        verdict=verdict,
        reason=reason,
        values={
            "n": ratio.n,
            "least": part["min_seeds"],
            "bound": 1 - part["margin"],
            "censored": censored,
            "p_support": ratio.p_below(bound),
        },
        setting=setting,
        effect=math.exp(ratio.effect),
        low=math.exp(low),
        high=math.exp(high),
        level=part["level"],
        margin=part["margin"],
        unit="ratio",
        n=ratio.n,
        p=ratio.p_above(bound),
    )


def verdict_of(
    part: Part, ratio: Estimate, low: float, high: float, bound: float
) -> tuple[str, str]:
    if ratio.n < part["min_seeds"]:
        return UNDECIDED, "too_few_arrivals"
    if high < bound:
        return SUPPORTED, "faster"
    return (CONTRADICTED, "not_faster") if low > bound else (UNDECIDED, "straddles_faster")
