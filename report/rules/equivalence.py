"""Equality (TOST) and non-inferiority of two arms on one task, behind the gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Mapping

from report import pairs
from report.load import Evidence
from report.pairs import Pairing
from report.rules import CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDECIDED, Finding, Part
from report.statistics import Estimate, tost_margin


@dataclass(frozen=True)
class Gate:
    """Does position matter on a task? best - none against `bound` = 5 x the seeds' deviation."""

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
        }


def gate(part: Part, pairing: Pairing) -> Gate:
    arms = (part["arm"], part["reference"])
    present = [a for a in arms if pairing.seeds(a, part["baseline"])]
    best = max(present, key=lambda a: pairing.mean(a).effect, default=part["arm"])
    gain = pairing.difference(best, part["baseline"])
    low, high = gain.interval(part["gate_level"])
    sd = pairing.seed_sd(arms)
    return Gate(best, gain, low, high, sd, part["gate_sd"] * sd)


def margin(part: Part) -> float:
    """The locked margin in the part's unit; nan while the gap of its task is not locked."""
    gap = part.get("gap", {}).get(part["task"])
    if gap is None:
        return math.nan
    return min(float(part["margin_cap"]), float(part["margin_share_of_gap"] * gap))


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """One task of C1 (`test = "tost"`) or C6 (`test = "not_worse"`); a part may have no gate."""
    pairing = pairs.pairing(evidence, part["study"], part["task"], part["first_seed"])
    if pairing is None or not pairing.seeds(part["arm"], part["reference"]):
        return Finding(UNDECIDED, "no_records", {"study": part["study"]}, part["task"])
    difference = pairing.difference(part["arm"], part["reference"])
    low, high = difference.interval(part["level"])
    limit = margin(part)
    reachable = tost_margin(difference.n, part["power"], part["alpha"]) * difference.sd
    verdict, reason = verdict_of(part, difference, low, high, limit)
    marks: tuple[str, ...] = ()
    opened = gate(part, pairing) if "gate" in part else None
    if opened and difference.n >= part["min_seeds"] and not opened.passed:
        if part["gate"] == "mark":
            marks = ("position_does_not_matter" if opened.known else "gate_unknown",)
        elif opened.known:
            verdict, reason = NOT_TESTABLE, "gate_closed"
        else:
            verdict, reason = UNDECIDED, "gate_unknown"
    p = math.nan
    if not math.isnan(limit):
        tost = part["test"] == "tost"
        p = difference.p_different(limit) if tost else difference.p_below(-limit)
    return Finding(
        verdict=verdict,
        reason=reason,
        values={
            "n": difference.n,
            "least": part["min_seeds"],
            "reachable": reachable,
            "margin": limit,
            "unit": part["unit"],
            "power": part["power"],
            **(opened.numbers() if opened else {}),
        },
        setting=f"{pairing.recipe['dataset']}, d {pairing.recipe['hidden']}",
        effect=difference.effect,
        low=low,
        high=high,
        level=part["level"],
        margin=limit,
        unit=part["unit"],
        n=difference.n,
        p=p,
        marks=marks,
    )


def verdict_of(
    part: Part, difference: Estimate, low: float, high: float, limit: float
) -> tuple[str, str]:
    """Verdict and reason from one interval and one margin, before the gate."""
    if difference.n < part["min_seeds"]:
        return UNDECIDED, "too_few_seeds" if difference.n > 1 else "one_seed"
    if math.isnan(limit):
        return UNDECIDED, "gap_not_locked"
    equal = low > -limit and high < limit
    if equal:
        return SUPPORTED, "equal"
    if part["test"] == "not_worse" and low > -limit:
        return SUPPORTED, "better" if low > 0 else "not_worse"
    if high < -limit:
        return CONTRADICTED, "worse"
    if part["test"] == "tost" and low > limit:
        return CONTRADICTED, "ahead"
    return UNDECIDED, "straddles"
