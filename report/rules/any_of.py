"""Some of several parts: Holm's correction supports ("in some settings"), an intersection contradicts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Mapping

from report.load import Evidence
from report.rules import CONTRADICTED, SUPPORTED, UNDECIDED, Finding, Part
from report.statistics import holm


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """At least one part named in `of` must hold; shown with the numbers of the clearest.

    Its interval is as wide as for having been chosen among so many (Bonferroni).
    """
    findings = {name: others[name] for name in part["of"]}
    measured = {k: f for k, f in findings.items() if math.isfinite(f.effect)}
    fewest = min((f.n for f in measured.values()), default=0)
    if not measured:
        return Finding(UNDECIDED, "all_open", {"open": ", ".join(findings)}, n=fewest)
    p = {k: f.p if math.isfinite(f.p) else 1.0 for k, f in findings.items()}
    adjusted = dict(zip(p, holm(list(p.values()))))
    holding = [
        k for k, f in findings.items() if f.verdict == SUPPORTED and adjusted[k] <= part["alpha"]
    ]
    clearest = min(measured, key=lambda k: (p[k], p_of_less(measured[k])))
    if holding:
        verdict, reason = SUPPORTED, "some_hold"
    elif all(f.verdict == CONTRADICTED for f in findings.values()):
        verdict, reason = CONTRADICTED, "none_holds"
    else:
        verdict, reason = UNDECIDED, "some_open"
    level = 1 - (1 - findings[clearest].level) / len(findings)
    estimate = findings[clearest].estimate
    low, high = estimate.interval(level) if estimate else (math.nan, math.nan)
    still = [k for k, f in findings.items() if f.verdict not in (SUPPORTED, CONTRADICTED)]
    return replace(
        findings[clearest],
        verdict=verdict,
        reason=reason,
        values={"holding": ", ".join(holding), "open": ", ".join(still)},
        setting=f"{len(findings)} settings, numbers of {clearest}",
        low=math.exp(low),
        high=math.exp(high),
        level=level,
        n=fewest,
        p=math.nan,
    )


def p_of_less(finding: Finding) -> float:
    """For less than no effect at all: tells apart parts that lend no p of their own."""
    return finding.estimate.p_below(0.0) if finding.estimate else 1.0
