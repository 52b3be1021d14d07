"""A contrast of arms on one setting, against a margin of equality, behind the gate.

The contrast is an arm against a reference, or any weighted sum of arms and test sides (`terms`),
such as a difference of differences. Its tests: `tost` (equal), `not_worse`, and `better`, for
claims that say so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Mapping

from report import pairs
from report.load import Evidence
from report.pairs import Pairing, arms_of
from report.rules import CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDECIDED, Finding, Part
from report.statistics import Estimate, deviation, tost_margin

# What a part may say of the trials that it means.
WHERE = ("task", "dataset", "system", "hidden", "layers", "trained_length", "short_length")


@dataclass(frozen=True)
class Gate:
    """Does position matter on a task? best - none against `bound` = 5 x its deviation over seeds.

    The deviation `sd` is that of the paired difference: every seed has a split of its own, and what
    a split is harder or easier for both says nothing about positions.
    """

    best: str
    gain: Estimate
    low: float
    high: float
    sd: float
    bound: float

    @property
    def known(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.bound)

    @property
    def passed(self) -> bool:
        return self.known and self.low > self.bound

    def numbers(self) -> dict[str, float]:
        """What the sentence of a verdict says about the gate."""
        return {
            "gain": self.gain.effect,
            "gate_low": self.low,
            "gate_high": self.high,
            "gate_bound": self.bound,
            "gate_seeds": self.gain.n,
        }


def terms_of(part: Part) -> Mapping[str, float]:
    """`terms` of the rule, or arm minus reference."""
    if "terms" in part:
        terms: Mapping[str, float] = part["terms"]
        return terms
    return {part["arm"]: 1.0, part["reference"]: -1.0}


def pairing_of(part: Part, evidence: Evidence) -> Pairing | None:
    """The trials that a part decides from."""
    where = {key: part[key] for key in WHERE if key in part}
    varies = tuple(part.get("varies", ()))
    return pairs.pairing(
        evidence, part["study"], part["first_seed"], where, arms_of(terms_of(part)), varies
    )


def gate(part: Part, pairing: Pairing) -> Gate:
    arms = arms_of(terms_of(part))
    present = [a for a in arms if pairing.seeds(a, part["baseline"])]
    gains = {a: pairing.difference(a, part["baseline"]) for a in present}
    best = max(present, key=lambda a: gains[a].effect, default=arms[0])
    gain = gains.get(best) or pairing.difference(best, part["baseline"])
    low, high = gain.interval(part["gate_level"])
    seeds = pairing.seeds(best, part["baseline"])
    apart = pairing.scores(best, seeds) - pairing.scores(part["baseline"], seeds)
    sd = deviation(apart)
    return Gate(best, gain, low, high, sd, part["gate_sd"] * sd)


def margin(part: Part) -> float:
    """The locked margin in the part's unit; nan while the gap of its task is not locked.

    Where positions were worth nothing on the tuning seeds there is no gap to take a share of, and
    the cap stands; the gate tells such a task apart.
    """
    if "margin" in part:
        return float(part["margin"])
    if "gap" not in part:
        return math.nan
    cap, gap = float(part["margin_cap"]), float(part["gap"])
    return min(cap, float(part["margin_share_of_gap"]) * gap) if gap > 0 else cap


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """One setting of a claim. Without `gate` in the rule there is none."""
    pairing = pairing_of(part, evidence)
    setting = ", ".join(str(part[key]) for key in WHERE if key in part)
    if pairing is None or not pairing.seeds(*arms_of(terms_of(part))):
        return Finding(UNDECIDED, "no_records", {"study": part["study"]}, setting)
    difference = pairing.advantage(terms_of(part))
    low, high = difference.interval(part["level"])
    limit = margin(part)
    reachable = reach(part, difference)
    verdict, reason = verdict_of(part, difference, low, high, limit)
    marks = pairing.marks(*arms_of(terms_of(part)))
    opened = gate(part, pairing) if "gate" in part else None
    if opened and difference.n >= part["min_seeds"] and not opened.passed:
        if part["gate"] == "mark":
            marks += ("position_does_not_matter" if opened.known else "gate_unknown",)
        elif opened.known:
            verdict, reason = NOT_TESTABLE, "gate_closed"
        else:
            verdict, reason = UNDECIDED, "gate_unknown"
    return Finding(
        verdict=verdict,
        reason=reason,
        values={
            "n": difference.n,
            "least": part["min_seeds"],
            "reachable": reachable,
            "margin": limit,
            "unit": pairing.unit,
            "power": part["power"],
            "arm": part.get("arm", "the first"),
            "test": part["test"],
            **(opened.numbers() if opened else {}),
        },
        setting=setting_of(pairing),
        effect=difference.effect,
        low=low,
        high=high,
        level=part["level"],
        margin=limit,
        unit=pairing.unit,
        n=difference.n,
        p=p_of_difference(part["test"], difference, limit),
        superior=part["test"] == "better",
        marks=marks,
    )


def setting_of(pairing: Pairing) -> str:
    """Where a verdict holds: data, size, length of the texts, steps of training."""
    recipe = pairing.recipe
    length = recipe.get("trained_length") or recipe.get("max_length")
    found = {"d": recipe["hidden"], "layers": recipe.get("layers"), "L": length}
    found["steps"] = recipe.get("steps")
    return ", ".join([pairing.dataset, *(f"{k} {v}" for k, v in found.items() if v)])


def reach(part: Part, difference: Estimate) -> float:
    """What pairs of this spread could have shown: a margin of equality, or one of not being worse;
    where being better is asked, an effect beyond the margin."""
    if part["test"] == "tost":
        return tost_margin(difference.n, part["power"], part["alpha"]) * difference.sd
    return difference.detectable(part["power"], part["alpha"])


def p_of_difference(test: str, difference: Estimate, limit: float) -> float:
    """p of the finding that has to outlive a correction: a difference."""
    if math.isnan(limit):
        return math.nan
    if test == "tost":
        return difference.p_different(limit)
    return difference.p_above(limit) if test == "better" else difference.p_below(-limit)


def verdict_of(
    part: Part, difference: Estimate, low: float, high: float, limit: float
) -> tuple[str, str]:
    """Verdict and reason from one interval and one margin, before the gate."""
    if difference.n < part["min_seeds"]:
        return UNDECIDED, f"too_few_seeds_{part['test']}" if difference.n > 1 else "one_seed"
    if math.isnan(limit):
        return UNDECIDED, "gap_not_locked"
    if part["test"] == "better":
        if low > limit:
            return SUPPORTED, "clearly_better"
        return (CONTRADICTED, "not_better") if high < limit else (UNDECIDED, "straddles_better")
    if low > -limit and high < limit:
        return SUPPORTED, "equal"
    if part["test"] == "not_worse" and low > -limit:
        return SUPPORTED, "better" if low > 0 else "not_worse"
    if high < -limit:
        return CONTRADICTED, "worse"
    if part["test"] == "tost" and low > limit:
        return CONTRADICTED, "ahead"
    return UNDECIDED, f"straddles_{part['test']}"
