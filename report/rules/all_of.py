"""Several parts at once: an intersection of tests supports, Holm's correction contradicts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Mapping

from report.load import Evidence
from report.rules import CONTRADICTED, SUPPORTED, UNDECIDED, Finding, Part
from report.statistics import holm


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """All parts named in `of` must hold; shown with the numbers of the part nearest to failing."""
    findings = {name: others[name] for name in part["of"]}
    measured = {k: f for k, f in findings.items() if math.isfinite(f.low + f.margin)}
    fewest = min(f.n for f in findings.values())
    if not measured:
        return Finding(UNDECIDED, "all_open", {"open": ", ".join(findings)}, n=fewest)
    weakest = min(measured, key=lambda k: measured[k].low + measured[k].margin)
    p = holm([f.p if math.isfinite(f.p) else 1.0 for f in findings.values()])
    worse = [
        name
        for (name, f), adjusted in zip(findings.items(), p)
        if adjusted <= part["alpha"] and f.n >= part["min_seeds"]
    ]
    open_parts = [name for name, f in findings.items() if f.verdict != SUPPORTED]
    if worse:
        verdict, reason = CONTRADICTED, "some_worse"
    elif open_parts:
        verdict, reason = UNDECIDED, "all_open"
    else:
        verdict, reason = SUPPORTED, "all_hold"
    marks = tuple(sorted({mark for f in findings.values() for mark in f.marks}))
    return replace(
        findings[weakest],
        verdict=verdict,
        reason=reason,
        values={"worse": ", ".join(worse), "open": ", ".join(open_parts), "weakest": weakest},
        setting=f"{len(findings)} tasks, numbers of {weakest}",
        n=fewest,
        p=math.nan,
        marks=marks,
    )
