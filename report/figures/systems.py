"""Charts of encodings and systems."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator

from report import growth
from report.figures.style import FAINT, INK, colour, end_labels, figure, note
from report.tables import Context, Row
from report.tables.systems import encodings_cost as cost_rows

PASSES = {"forward": "forward pass", "train": "training step"}


def encodings_cost(context: Context) -> Any:
    """Time over that without positions, at the shape that most arms were timed with."""
    rows = [row for row in cost_rows(context) if math.isfinite(float(row[8]))]
    if not rows:
        return None
    shapes = [tuple(row[1:5]) for row in rows]
    shape = max(dict.fromkeys(shapes), key=shapes.count)
    shown = {kind: [r for r in rows if r[0] == kind and tuple(r[1:5]) == shape] for kind in PASSES}
    kinds = [kind for kind in PASSES if shown[kind]]
    heights = [len(shown[kind]) + 1 for kind in kinds]
    made, panels = figure(
        0.8 + 0.2 * sum(heights), len(kinds), sharex=True, gridspec_kw={"height_ratios": heights}
    )
    for axes, kind in zip(panels, kinds):
        draw_ratios(axes, shown[kind])
        axes.set_title(PASSES[kind])
    ends = [float(v) for kind in kinds for r in shown[kind] for v in r[8:11] if v == v]
    panels[-1].set_xlim(min(0.97, *ends) - 0.01, max(1.05, *ends) * 1.08)
    hidden, layers, length, batch = shape
    panels[-1].set_xlabel(
        f"time relative to none\nd {hidden}, {layers} layers, L {length}, B {batch}"
    )
    return made


def draw_ratios(axes: Any, rows: list[Row]) -> None:
    axes.axvline(1, color=INK, linewidth=0.8)
    for y, row in enumerate(reversed(rows)):
        ratio, low, high = (float(v) for v in row[8:11])
        axes.plot([1, ratio], [y, y], color=FAINT, linewidth=0.8, zorder=0)
        if math.isfinite(low):
            axes.plot([low, high], [y, y], color=INK, linewidth=2)
        axes.plot(ratio, y, "o", color=INK, markersize=4)
        note(axes, f"{ratio:.2f}", (max(ratio, high) if high == high else ratio, y), (6, 0))
    axes.set_yticks(range(len(rows)), [str(row[5]) for row in reversed(rows)], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(rows) - 0.4)


def growth_by_length(context: Context) -> Any:
    """Time and working memory for each token of a forward pass, by length."""
    panels_of = {"time": (1e3, "µs per token"), "memory": (1024.0, "working memory, KiB per token")}
    found = {name: longest(context, name) for name in panels_of}
    found = {name: lines for name, lines in found.items() if lines}
    if not found:
        return None
    made, panels = figure(3.1 * len(found), len(found), sharex=True)
    for axes, (name, lines) in zip(panels, found.items()):
        unit, title = panels_of[name]
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        ends = []
        for line, points in lines.items():
            x = growth.lengths(points)
            median = np.array([np.median([p[n] for p in points.values()]) for n in x])
            per_token = median / unit / (np.array(x) * line.batch)
            axes.plot(x, per_token, "o-", color=colour(line.arm), markersize=3)
            ends.append((float(x[-1]), float(per_token[-1]), line.arm, colour(line.arm)))
        axes.set_ylabel(title)
        everything = sorted({n for points in lines.values() for n in growth.lengths(points)})
        axes.set_xticks(everything, [f"{n:,}" for n in everything])
        axes.set_xlim(everything[0] / 1.1, everything[-1] * 3)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        end_labels(axes, ends)
    panels[-1].set_xlabel("sequence length L")
    return made


def longest(context: Context, name: str) -> dict[growth.Line, growth.Points]:
    """The forward lines of the width that reaches the longest sequence."""
    found = {
        line: points
        for line, points in growth.lines(context.evidence, name).items()
        if line.kind == "forward" and len(growth.lengths(points)) > 2
    }
    if not found:
        return {}
    hidden = max(found, key=lambda line: growth.lengths(found[line])[-1]).hidden
    return {line: points for line, points in found.items() if line.hidden == hidden}
