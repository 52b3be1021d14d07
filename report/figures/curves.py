"""Learning curves of an arm: what the charts of C1 and C7 share."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Iterable

import numpy as np

from report.figures.style import colour
from report.pairs import result_of
from report.records import Trial
from report.records.accuracy import CurvePoint


def draw_curves(
    axes: Any, arm: str, trials: Iterable[Trial], value: Callable[[CurvePoint], float]
) -> list[tuple[float, float, str, str]]:
    """Single trainings thin, their mean thick; returns the end of the mean for its label, if any."""
    points: dict[int, list[float]] = defaultdict(list)
    for trial in trials:
        curve = result_of(trial).curve
        y = [value(p) for p in curve]
        axes.plot([p.step for p in curve], y, color=colour(arm), linewidth=0.5, alpha=0.35)
        for point, height in zip(curve, y):
            points[point.step].append(height)
    if not points:
        return []
    steps = sorted(points)
    mean = [float(np.mean(points[step])) for step in steps]
    axes.plot(steps, mean, color=colour(arm))
    return [(steps[-1], mean[-1], arm, colour(arm))]
