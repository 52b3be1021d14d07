"""All encodings in one chart: score against time."""

from __future__ import annotations

import math
from typing import Any

from report.figures.style import FAINT, INK, colour, figure, note
from report.tables import Context
from report.tables.compared import encodings_compared as compared_rows


def pareto(context: Context) -> Any:
    """What positions are worth that an encoding brings, against the time of a forward pass.

    The line joins the encodings that none beats in both; the area of a mark grows with the
    encoding's parameters.
    """
    rows = [row for row in compared_rows(context) if math.isfinite(float(row[6]))]
    if len(rows) < 3:
        return None
    made, (axes,) = figure(3.4)
    front: list[tuple[float, float]] = []
    for row in sorted(rows, key=lambda r: (float(r[6]), -float(r[3]))):
        if not front or float(row[3]) > front[-1][1]:
            front.append((float(row[6]), float(row[3])))
    axes.step(*zip(*front), where="post", color=FAINT, linewidth=1)
    for row in rows:
        arm, share, time, parameters = str(row[0]), float(row[3]), float(row[6]), float(row[8])
        size = 18 + 60 * math.sqrt(parameters / max(1.0, max(float(r[8]) for r in rows)))
        axes.scatter([time], [share], s=size, color=colour(arm), edgecolor=INK, linewidth=0.5)
        note(axes, arm, (time, share), (6, 0))
    axes.set_xlabel("time of a forward pass over that of none")
    axes.set_ylabel("score: 0 none, 100 the best")
    axes.margins(x=0.25, y=0.1)
    return made
