"""Steps to losses that were fixed beforehand: what C7 rests on."""

from __future__ import annotations

import math

import numpy as np

from report.claims import parts_of
from report.pairs import result_of
from report.rules import steps
from report.tables import Context, Row


def convergence(context: Context) -> list[Row]:
    """Per setting, arm and loss: how many trainings arrived, after how many steps; and where they ended."""
    rows: list[Row] = []
    for race in steps.races(parts_of("C7", context.rule("C7")), context.evidence):
        for arm in (race.arm, race.reference, "none"):
            trials = list(race.pairing.arms.get(arm, {}).values())
            if not trials:
                continue
            spec = trials[0].spec
            end = float(np.mean([result_of(trial).curve[-1].dev_loss for trial in trials]))
            for loss in race.losses:
                arrivals = [steps.arrival(trial, loss) for trial in trials]
                median = float(np.median(arrivals))
                rows.append(
                    [
                        race.name,
                        arm,
                        spec["position_rms"],
                        spec["learning_rate"],
                        len(trials),
                        end,
                        f"{loss:g} nats",
                        median if math.isfinite(median) else math.nan,
                        sum(map(math.isfinite, arrivals)),
                    ]
                )
    return rows
