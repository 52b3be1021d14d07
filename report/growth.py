"""How time and memory of an encoder grow with the length of its sequences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from report.load import Evidence
from report.records.encoder_cost import EncoderCost
from report.statistics import Estimate, median_of_blocks

STUDY = "growth"
QUANTITIES = ("time", "scores", "memory")


class Line(NamedTuple):
    """One arm at several lengths."""

    kind: str  # forward | train
    hidden: int
    layers: int
    batch: int
    arm: str


Points = dict[int, dict[int, float]]  # process -> length -> nanoseconds or bytes


def quantity(process: EncoderCost, arm: str, name: str) -> float | None:
    """Nanoseconds of a pass or of its scores, or bytes of working memory with what the encoding holds beside
    its parameters; None where not told."""
    if name == "memory":
        told = process.memory.get(arm)
        return float(told["working_bytes"] + told["position_bytes"]) if told else None
    timing = process.arms[arm]
    if name == "time":
        return float(np.median(timing.ns))
    return float(np.median(timing.parts[name])) if name in timing.parts else None


def lines(evidence: Evidence, name: str, study: str = STUDY) -> dict[Line, Points]:
    """The values of a quantity, by process and length."""
    found: dict[Line, Points] = {}
    for trial in evidence.trials(study):
        assert isinstance(trial.result, EncoderCost)
        for arm in trial.result.arms:
            value = quantity(trial.result, arm, name)
            if value:
                spec = trial.spec
                line = Line(spec["pass"], spec["hidden"], spec["layers"], spec["batch"], arm)
                found.setdefault(line, {}).setdefault(trial.seed, {})[spec["length"]] = value
    return dict(sorted(found.items()))


def lengths(points: Points, least: int = 0) -> list[int]:
    """The lengths that every process has, from `least` on."""
    common = set.intersection(*(set(values) for values in points.values()))
    return sorted(length for length in common if length >= least)


def exponent(points: Points, least: int, label: str) -> Estimate | None:
    """The slope of the logarithms by least squares, mean over processes; None below three lengths.

    1: as the length, 2: as its square. Two lengths would fit any power.
    """
    shown = lengths(points, least)
    if len(shown) < 3:
        return None
    slopes = [
        np.polyfit(np.log(shown), np.log([values[length] for length in shown]), 1)[:1]
        for values in points.values()
    ]
    return median_of_blocks(slopes, f"exponent {label} {least}")
