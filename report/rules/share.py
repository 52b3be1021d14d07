"""Shares of a whole pass: does the time that lookup saves reach the margin?"""

from __future__ import annotations

from typing import Mapping

from report import cost
from report.load import Evidence
from report.rules import CONTRADICTED, SUPPORTED, UNDECIDED, Finding, Part
from report.statistics import POWER, mean_of


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """Mean over shapes of the saved share, measured in situ, in percent of the reference's pass."""
    arm, reference = part["arm"], part["reference"]
    found = []
    for shape, processes in cost.shapes(evidence, part["study"]).items():
        if shape.kind == part["pass"]:
            label = f"saved {shape!r} {arm} {reference}"
            estimate = cost.per_process(
                processes, lambda p: cost.saved_share(p, arm, reference), label
            )
            found += [estimate] if estimate else []
    if not found:
        return Finding(UNDECIDED, "no_records", {"study": part["study"]}, part["pass"])
    saved = mean_of(found)
    low, high = saved.interval(part["level"])
    verdict, reason = UNDECIDED, "share_straddles"
    if saved.n < part["min_seeds"]:
        reason = "too_few_processes"
    elif low > part["margin"]:
        verdict, reason = SUPPORTED, "share_above"
    elif high < part["margin"]:
        verdict, reason = CONTRADICTED, "share_below"
    return Finding(
        verdict=verdict,
        reason=reason,
        values={
            "bound": part["margin"],
            "n": saved.n,
            "least": part["min_seeds"],
            "reachable": saved.detectable(POWER, (1 - part["level"]) / 2),
        },
        setting=f"{part['pass']}, {len(found)} shapes",
        effect=saved.effect,
        low=low,
        high=high,
        level=part["level"],
        margin=part["margin"],
        unit=part["unit"],
        n=saved.n,
    )
