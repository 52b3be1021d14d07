"""Charts of the limit: share of the streaming bandwidth, and the roofline."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure

from report import arms, levels
from report.figures.style import FAINT, INK, WIDTH, end_labels
from report.tables import Context, Row
from report.tables.limit import cost_roofline, share_summary

LOOKUP, COMPUTED, FUSED = "#0072B2", "#D55E00", "#009E73"
LINES = {  # of the roofline: colour by what is loaded, dashes for stores past the caches
    "copy": ("#6B6B6B", "-"),
    "copy_nt": ("#6B6B6B", "--"),
    "stream_add": ("#56B4E9", "-"),
    "stream_add_nt": ("#56B4E9", "--"),
    "stream_add_in_place": ("#CC79A7", "-"),
    "stream_update": ("#009E73", "-"),
    "best_lookup": (LOOKUP, "-"),
    "best_lookup_in_place": (LOOKUP, ":"),
    "best_computed": (COMPUTED, "-"),
    "best_computed_in_place": (COMPUTED, ":"),
}


def kind_colour(arm: str) -> str:
    """Blue looks up, orange computes, green is the fused pass."""
    source = arms.parse(arm).source
    if source.startswith("embed"):
        return FUSED
    return COMPUTED if source in (*arms.COMPUTED, "best_computed") else LOOKUP


def share_of_limit(context: Context) -> Any:
    """Each arm's share of its own limit: dot the median over shapes, line their range; a column for each level."""
    rows = share_summary(context)
    names = sorted({str(row[0]) for row in rows}, key=arms.rank)
    present = [level for level in levels.LEVELS if any(row[1] == level for row in rows)]
    if not rows:
        return None
    made = Figure(figsize=(WIDTH, 0.7 + 0.2 * len(names)))
    panels = made.subplots(1, len(present), squeeze=False, sharex=True, sharey=True)[0]
    for axes, level in zip(panels, present):
        for row in (row for row in rows if row[1] == level):
            draw_share(axes, len(names) - 1 - names.index(str(row[0])), row)
        axes.axvline(100, color=INK, linewidth=0.8)
        axes.set_title(level, loc="center")
        axes.grid(axis="y", color="#EEEEEE", linewidth=0.6)
        axes.tick_params(axis="y", length=0)
    furthest = max(100.0, *(float(row[4]) for row in rows))
    panels[0].set_xlim(0, 1.06 * furthest)
    panels[0].set_xticks([0, 50, 100] if furthest < 130 else [0, 100])
    panels[0].set_ylim(-0.6, len(names) - 0.4)
    panels[0].set_yticks(range(len(names)), list(reversed(names)))
    made.supxlabel("share of the streaming limit, %, hot caches", fontsize=9, color=INK)
    return made


def draw_share(axes: Any, y: int, row: Row) -> None:
    shade = kind_colour(str(row[0]))
    axes.plot([row[3], row[4]], [y, y], color=shade, linewidth=1.4, alpha=0.5)
    axes.plot(row[2], y, "o", color=shade, markersize=4)


def roofline(context: Context) -> Any:
    """Bandwidth over working set: a line for each stream and best arm, its interval as a band."""
    rows = [row for row in cost_roofline(context) if row[0] == "hot"]
    names = [name for name in LINES if any(row[4] == name for row in rows)]
    if not names:
        return None
    made = Figure(figsize=(WIDTH, 4.0))
    axes = made.subplots()
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ends = []
    for name in names:
        points = sorted((row for row in rows if row[4] == name), key=lambda row: float(row[5]))
        ends.append(draw_line(axes, name, points))
    touched, speeds = ([float(row[i]) for row in rows] for i in (5, 8))
    axes.set_xlim(min(touched) / 1.3, max(touched) * 1.3)
    axes.set_ylim(min(speeds) / 1.4, max(speeds) * 1.4)  # a band from too few processes may run out
    mark_levels(axes, context)
    ticks_in_bytes(axes)
    ticks_in_gigabytes(axes)
    axes.set_xlabel("working set of a call")
    axes.set_ylabel("GB/s, one core")
    end_labels(axes, ends)
    return made


def draw_line(axes: Any, name: str, points: list[Row]) -> tuple[float, float, str, str]:
    """One line with its band; returns its end, for the label."""
    shade, dashes = LINES[name]
    x, y = ([float(row[i]) for row in points] for i in (5, 8))
    known = [row for row in points if math.isfinite(float(row[9]))]
    if known:
        low, high = ([float(row[i]) for row in known] for i in (9, 10))
        axes.fill_between(
            [float(row[5]) for row in known], low, high, color=shade, alpha=0.12, lw=0
        )
    best = name in arms.KINDS
    mark = {"marker": "o", "markersize": 3.5} if best else {}
    axes.plot(x, y, color=shade, linestyle=dashes, linewidth=1.8 if best else 1.2, **mark)
    return x[-1], y[-1], name, shade


def mark_levels(axes: Any, context: Context) -> None:
    """A line where each cache ends, its name to the left of it, and DRAM beyond the last."""
    left, right = axes.get_xlim()
    sizes = levels.sizes(context.evidence)
    edges = [left, *sizes.values(), math.inf]
    for name, low, high in zip([*sizes, levels.LEVELS[-1]], edges, edges[1:]):
        if left < high < right:
            axes.axvline(high, color=FAINT, linewidth=0.9, linestyle=":", zorder=0)
        start, end = max(low, left), min(high, right)
        if end / start > 2:
            middle = math.sqrt(start * end)
            place = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "bottom"}
            axes.text(middle, 1.01, name, fontsize=8.5, fontweight="bold", **place)


def ticks_in_bytes(axes: Any) -> None:
    left, right = axes.get_xlim()
    ticks = [2.0**k for k in range(12, 40, 4) if left <= 2.0**k <= right]
    axes.set_xticks(ticks, [in_bytes(t) for t in ticks])
    axes.minorticks_off()


def in_bytes(size: float) -> str:
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 2**power:
            return f"{size / 2**power:g} {unit}"
    return f"{size:g} B"


def ticks_in_gigabytes(axes: Any) -> None:
    low, high = axes.get_ylim()
    ticks = [m * 10.0**e for e in range(-1, 4) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.grid(axis="y", color="#EEEEEE", linewidth=0.6)
