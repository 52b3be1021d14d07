"""Several parts at once: an intersection of tests supports, Holm's correction contradicts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Mapping

from report.load import Evidence
from report.rules import CONTRADICTED, NOT_TESTABLE, SUPPORTED, UNDECIDED, Finding, Part
from report.statistics import holm


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """All parts named in `of` must hold; shown with the numbers of the part that fails, or is nearest to it.

    Parts that are not testable have no say, unless none is left.
    """
    findings = {name: others[name] for name in part["of"]}
    measured = {k: f for k, f in findings.items() if math.isfinite(f.low + f.margin)}
    testable = {k: f for k, f in measured.items() if f.verdict != NOT_TESTABLE}
    fewest = min((f.n for f in measured.values()), default=0)
    if not measured:
        return Finding(UNDECIDED, "all_open", {"open": ", ".join(findings)}, n=fewest)
    p = holm([p_against(finding) for finding in findings.values()])
    failed = [
        name
        for (name, f), adjusted in zip(findings.items(), p)
        if adjusted <= part["alpha"] and f.verdict == CONTRADICTED
    ]
    weakest = min(failed or testable or measured, key=lambda k: slack(findings[k]))
    silent = [name for name, f in findings.items() if f.verdict == NOT_TESTABLE]
    open_parts = [
        name for name, f in findings.items() if f.verdict not in (SUPPORTED, NOT_TESTABLE)
    ]
    if failed:
        verdict, reason = CONTRADICTED, "some_fail"
    elif open_parts:
        verdict, reason = UNDECIDED, "all_open"
    elif not testable:
        verdict, reason = NOT_TESTABLE, "none_testable"
    else:
        verdict, reason = SUPPORTED, "all_hold"
    return replace(
        findings[weakest],
        verdict=verdict,
        reason=reason,
        values={
            "failed": ", ".join(failed),
            "open": ", ".join(open_parts),
            "silent": ", ".join(silent) or "none",
            "weakest": weakest,
        },
        setting=f"{len(testable)} of {len(findings)} settings, numbers of {weakest}",
        n=fewest,
        p=math.nan,
    )


def p_against(finding: Finding) -> float:
    """p of what contradicts a part: a difference, or where being better is asked its lack."""
    if not math.isfinite(finding.p):
        return 1.0
    return 1 - finding.p if finding.superior else finding.p


def slack(finding: Finding) -> float:
    """How far the interval keeps inside what is allowed, in margins; less than 0 is outside."""
    test, margin = finding.values.get("test"), finding.margin
    inside = finding.low - margin if test == "better" else finding.low + margin
    if test == "tost":
        inside = min(inside, margin - finding.high)
    return inside / (margin or 1.0)
