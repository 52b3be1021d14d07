"""The comparison of C1 by size."""

from __future__ import annotations

import math
from typing import Any

from report.figures.style import BAND, INK, colour, figure, note
from report.pairs import LOSS
from report.rules import contrast
from report.tables import Context
from report.tables.accuracy import parts_in_order
from report.tables.sizes import TASKS
from report.tables.sizes import effect_by_size as size_rows


def effect_by_size(context: Context) -> Any:
    """The advantage of learned and its interval at each size; the band is C1's margin."""
    rows = size_rows(context)
    groups = [[r for r in rows if (r[0], r[1]) == task] for task in TASKS]
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return None
    margins = {(p["task"], p["dataset"]): contrast.margin(p) for p in parts_in_order(context, "C1")}
    heights = [len(group) + 1 for group in groups]
    made, panels = figure(
        0.6 * len(groups) + 0.25 * sum(heights), len(groups), gridspec_kw={"height_ratios": heights}
    )
    for axes, group in zip(panels, groups):
        task, dataset = str(group[0][0]), str(group[0][1])
        axes.set_title(f"{task}, {dataset}")
        limit = margins.get((task, dataset), math.nan)
        if math.isfinite(limit):
            axes.axvspan(-limit, limit, color=BAND, zorder=0)
        axes.axvline(0, color=INK, linewidth=0.8)
        for y, row in enumerate(reversed(group)):
            effect, low, high = (float(v) for v in row[9:12])
            if math.isfinite(low):
                axes.plot([low, high], [y, y], color=colour("learned"), linewidth=2)
            axes.plot(effect, y, "o", color=colour("learned"), markersize=4)
            note(axes, f"{effect:+.3f}", (effect, y), (0, 3))
        names = [f"d {r[2]}, {r[3]} layers, L {r[4]}" for r in reversed(group)]
        axes.set_yticks(range(len(group)), names, fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(group) - 0.2)
        unit = "nats" if group[0][6] == LOSS else "points"
        axes.set_xlabel(f"advantage of learned, {unit}")
    return made
