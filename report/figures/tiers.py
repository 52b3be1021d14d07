"""Charts of instruction sets."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.lines import Line2D

from report import cost
from report.arms import NONE, STREAMS
from report.figures.style import INK, figure, plain_ticks
from report.tables import Context, Row
from report.tables.variants import cost_tiers

MARKS = (("o", "#0072B2"), ("s", "#D55E00"), ("^", "#009E73"), ("D", "#CC79A7"))


def tier_ratios(context: Context) -> Any:
    """Ratio of every arm to the lookup at the same limit, one mark for each instruction set."""
    rows = [row for row in cost_tiers(context) if row[1] not in (cost.BASELINE, NONE, *STREAMS)]
    states = [state for state in cost.STATES if any(row[0] == state for row in rows)]
    if not rows:
        return None
    tiers = list(dict.fromkeys(str(row[2]) for row in rows))
    arms = list(dict.fromkeys(str(row[1]) for row in rows))
    legend = 0.2 * len(tiers)
    made, panels = figure(0.5 + legend + (0.35 + 0.27 * len(arms)) * len(states), len(states))
    for axes, state in zip(panels, states):
        if len(states) > 1:
            axes.set_title(state)
        draw_ratios(axes, [row for row in rows if row[0] == state], arms, tiers)
    panels[-1].set_xlabel(f"time relative to {cost.BASELINE} at the same limit")
    height = made.get_size_inches()[1]
    made.get_layout_engine().set(rect=(0, 0, 1, 1 - legend / height))
    for i, (name, (mark, shade)) in enumerate(zip(tiers, MARKS)):
        y = 1 - (i + 0.55) * 0.2 / height
        made.text(0.06, y, name, color=shade, va="center", fontsize=8.5)
        made.add_artist(Line2D([0.03], [y], marker=mark, color=shade, markersize=5))
    return made


def draw_ratios(axes: Any, rows: list[Row], arms: list[str], tiers: list[str]) -> None:
    axes.set_xscale("log")
    axes.axvline(1, color=INK, linewidth=0.8)
    for _, arm, tier, _, ratio, low, high, *_ in rows:
        i = tiers.index(str(tier))
        mark, shade = MARKS[i]
        y = len(arms) - 1 - arms.index(str(arm)) + 0.2 * (0.5 * (len(tiers) - 1) - i)
        if math.isfinite(float(low)):
            axes.plot([low, high], [y, y], color=shade, linewidth=1.6)
        axes.plot(ratio, y, mark, color=shade, markersize=4.5)
    for i in range(1, len(arms), 2):
        axes.axhspan(i - 0.5, i + 0.5, color="#F4F4F4", zorder=0, linewidth=0)
    values = [float(row[4]) for row in rows]
    axes.set_xlim(min(*values, 1.0) / 1.25, max(*values, 1.0) * 1.25)
    axes.set_ylim(-0.6, len(arms) - 0.4)
    axes.set_yticks(range(len(arms)), list(reversed(arms)))
    axes.tick_params(axis="y", length=0)
    plain_ticks(axes)
