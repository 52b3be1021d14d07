"""Ratios of times: is an arm slower than the baseline by more than the margin?"""

from __future__ import annotations

import math
from collections import Counter
from typing import Mapping

from report import cost
from report.load import Evidence
from report.rules import CONTRADICTED, SUPPORTED, UNDECIDED, Finding, Part
from report.statistics import POWER, Estimate, mean_of


def decide(part: Part, evidence: Evidence, others: Mapping[str, Finding]) -> Finding:
    """Geometric mean over cells of the ratio arm / baseline, decided on a part's cache state.

    With several arms the fastest counts, chosen per cell in other processes than those scored.
    """
    cells = {
        cell: processes
        for cell, processes in cost.cells(evidence, part["study"]).items()
        if cell.state == part["state"]
    }
    estimates, chosen = [], Counter[str]()
    for cell, processes in cells.items():
        found: Estimate | None
        if len(part["arms"]) == 1:
            found = cost.ratio(evidence, cell, processes, part["arms"][0], part["baseline"])
        else:
            label = f"best {cell!r} {part['baseline']}"
            best = cost.best_ratio(processes, part["arms"], part["baseline"], label)
            found = best[0] if best else None
            chosen.update(best[1] if best else [])
        if found is not None:
            estimates.append(found)
    if not estimates:
        return Finding(UNDECIDED, "no_records", {"study": part["study"]}, part["state"])
    isas = ", ".join(sorted({cell.isa for cell in cells}))
    setting = f"{part['state']}, {isas}, {len(estimates)} cells"
    return judge(part, mean_of(estimates), setting, chosen)


def judge(part: Part, log_ratio: Estimate, setting: str, chosen: Counter[str]) -> Finding:
    bound = 1 + part["margin"]
    low, high = (math.exp(b) for b in log_ratio.interval(part["level"]))
    verdict, reason = UNDECIDED, "ratio_straddles"
    if log_ratio.n < part["min_seeds"]:
        reason = "too_few_processes"
    elif low > bound:
        verdict, reason = SUPPORTED, "ratio_above"
    elif high < bound:
        verdict, reason = CONTRADICTED, "ratio_not_slower"
        if low > 1 / bound:
            reason = "ratio_equal"
        elif high < 1 / bound:
            reason = "ratio_below"
    arms = ", ".join(f"{arm} {count}" for arm, count in chosen.most_common())
    return Finding(
        verdict=verdict,
        reason=reason,
        values={
            "bound": bound,
            "n": log_ratio.n,
            "least": part["min_seeds"],
            "arms": arms,
            "reachable": math.exp(log_ratio.detectable(POWER, (1 - part["level"]) / 2)),
        },
        setting=setting,
        effect=math.exp(log_ratio.effect),
        low=low,
        high=high,
        level=part["level"],
        margin=part["margin"],
        unit=part["unit"],
        n=log_ratio.n,
        marks=("chosen_elsewhere",) if chosen else (),
    )
