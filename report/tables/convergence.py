"""Steps to a loss that was fixed beforehand: what C7 rests on."""

from __future__ import annotations

import math

import numpy as np

from report.claims import parts_of
from report.pairs import result_of
from report.rules import contrast, steps
from report.tables import Context, Row


def convergence(context: Context) -> list[Row]:
    """Per setting and arm: how many trainings arrived, after how many steps, and where they ended."""
    rows: list[Row] = []
    for name, part in parts_of("C7", context.rule("C7")).items():
        if part["kind"] != "steps":
            continue
        pairing = contrast.pairing_of(part, context.evidence)
        for arm in (part["arm"], part["reference"]) if pairing else ():
            assert pairing is not None
            trials = list(pairing.arms.get(arm, {}).values())
            if not trials:
                continue
            arrivals = [steps.arrival(trial, part) for trial in trials]
            ends = [result_of(trial).curve[-1].dev_loss for trial in trials]
            there = [a for a in arrivals if math.isfinite(a)]
            spec = trials[0].spec
            rows.append(
                [
                    name,
                    arm,
                    spec["position_rms"],
                    spec["learning_rate"],
                    len(trials),
                    len(there),
                    float(np.median(there)) if there else math.nan,
                    float(np.mean(ends)),
                ]
            )
    return rows
