"""Charts of time."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from report import cost
from report.figures.style import FAINT, INK, colour, end_labels, figure, note, plain_ticks
from report.arms import NONE, STREAMS
from report.tables import Context, Row
from report.tables.cost import cost_in_model, cost_summary, encoder_share as share_rows

MARKS = {"hot": ("^", "#B8860B"), "in_model": ("o", "#0072B2"), "dram_cold": ("s", "#CC79A7")}
CURVES = "copy learned_slice sinusoid_table simd recurrence vector_library libm".split()


def cost_ratios(context: Context) -> Any:
    """Every arm's ratio to the baseline: mark and bar the mean over shapes, faint line the range."""
    rows = [row for row in cost_summary(context) if row[0] not in (NONE, *STREAMS[1:])]
    arms = list(dict.fromkeys(str(row[0]) for row in rows))
    if not arms:
        return None
    made, (axes,) = figure(0.9 + 0.36 * len(arms))
    axes.set_xscale("log")
    axes.axvline(1, color=INK, linewidth=0.8)
    for arm, _, state, ratio, low, high, least, most in rows:
        mark, shade = MARKS[str(state)]
        offset = 0.24 * (1 - list(MARKS).index(str(state)))
        y = len(arms) - 1 - arms.index(str(arm)) + offset
        axes.plot([least, most], [y, y], color=shade, linewidth=0.8, alpha=0.45)
        if math.isfinite(float(low)):
            axes.plot([low, high], [y, y], color=shade, linewidth=3)
        axes.plot(ratio, y, mark, color=shade, markersize=5)
    for i in range(1, len(arms), 2):
        axes.axhspan(i - 0.5, i + 0.5, color="#F4F4F4", zorder=0, linewidth=0)
    axes.set_ylim(-0.6, len(arms) - 0.4)
    axes.set_yticks(range(len(arms)), list(reversed(arms)))
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(*room(rows))
    plain_ticks(axes)
    axes.set_xlabel(f"time relative to {cost.BASELINE}")
    for i, (state, (mark, shade)) in enumerate(MARKS.items()):
        axes.plot(0.02 + 0.24 * i, 1.03, mark, color=shade, transform=axes.transAxes, clip_on=False)
        axes.text(0.05 + 0.24 * i, 1.03, state, transform=axes.transAxes, va="center", color=shade)
    return made


def room(rows: list[Row]) -> tuple[float, float]:
    """Limits around the shapes' own ratios: an interval from too few processes may run out."""
    least, most = zip(*((float(row[6]), float(row[7])) for row in rows))
    return min(*least, 1.0) / 1.3, max(*most, 1.0) * 1.3


def cost_by_size(context: Context) -> Any:
    """Nanoseconds per element against the table's size, in_model, a panel for the smallest and the largest batch.

    A batch shares its rows, so at B = 32 even slow sines are spread over 32 additions.
    """
    shapes: dict[int, dict[str, dict[int, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for _, hidden, length, batch, arm, _, ns, *_ in cost_in_model(context):
        if arm in CURVES:
            shapes[int(batch)][str(arm)][int(hidden) * int(length)].append(float(ns))
    if not shapes:
        return None
    batches = sorted({min(shapes), max(shapes)})
    made, panels = figure(2.2 * len(batches), len(batches), sharex=True, sharey=True)
    for axes, batch in zip(panels, batches):
        axes.set_xscale("log")
        axes.set_yscale("log")
        ends = []
        for arm in [a for a in CURVES if a in shapes[batch]]:
            sizes = shapes[batch][arm]
            x = sorted(sizes)
            y = [float(np.exp(np.mean(np.log(sizes[n])))) for n in x]
            style = "--" if arm == "copy" else "-"
            axes.plot(x, y, marker=".", color=colour(arm), linestyle=style)
            ends.append((x[-1], y[-1], arm, colour(arm)))
        axes.grid(axis="y", color=FAINT, linewidth=0.4)
        axes.set_title(f"B = {batch}", loc="left")
        axes.set_ylabel("ns per element")
        end_labels(axes, ends)
    panels[-1].set_xlabel("elements of the table (L × d)")
    return made


def bare(arm: str) -> str:
    """An arm of encoder_cost by the name, and so the colour, that encoding_cost gives it."""
    return arm if arm == "sinusoid_table" else arm.removeprefix("sinusoid_")


def encoder_share(context: Context) -> Any:
    """Share of the position operation in a pass, measured in situ, averaged over shapes."""
    shares: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    for row in share_rows(context):
        kind, arm, (share, low, high) = str(row[0]), str(row[5]), map(float, row[9:12])
        shares[kind, arm].append((share, low, high))
    if not shares:
        return None
    kinds = sorted({kind for kind, _ in shares})
    arms = list(dict.fromkeys(arm for _, arm in shares))
    made, axes = figure(0.5 + (0.45 + 0.24 * len(arms)) * len(kinds), len(kinds), sharex=True)
    for one, kind in zip(axes, kinds):
        for y, arm in enumerate(reversed(arms)):
            values = shares[kind, arm]
            if values:
                share, low, high = (float(np.mean(column)) for column in zip(*values))
                one.barh(y, share, color=colour(bare(arm)), height=0.62)
                if math.isfinite(low):
                    one.plot([low, high], [y, y], color=INK, linewidth=1.4)
                place = max(share, high if math.isfinite(high) else share)
                note(one, f"{share:.2f} %", (place, y), (4, 0))
        one.axvline(1, color=INK, linewidth=0.8, linestyle=":")
        one.set_title({"forward": "forward pass", "train": "training step"}.get(kind, kind))
        one.set_yticks(range(len(arms)), list(reversed(arms)))
        one.tick_params(axis="y", length=0)
        one.margins(x=0.18)
    axes[-1].set_xlabel("position operation, % of the pass (dotted: 1 %)")
    return made
