"""Charts of the engine."""

from __future__ import annotations

import math
from typing import Any

from report import engine
from report.figures.style import FAINT, INK, figure, note, plain_ticks
from report.tables import Context, Row
from report.tables.engine import PARTS, encoder_parts as part_rows, peers as peer_rows

SHADES = {
    "embedding": "#56B4E9",
    "position": "#000000",
    "projections": "#0072B2",
    "scores": "#D55E00",
    "attention": "#0072B2",
    "feed_forward": "#009E73",
    "norm": "#CC79A7",
    "head": "#BBBBBB",
    "optimizer": "#B8860B",
}
MARKS = {"pytorch": ("o", "#D55E00"), "onnxruntime": ("s", "#0072B2")}


def encoder_parts(context: Context) -> Any:
    """Parts of a pass as one bar for each hidden size and precision, the position's share at its end."""
    found = largest(part_rows(context))
    if not found:
        return None
    kinds = sorted({kind for kind, *_ in found})
    bars = {kind: [key for key in found if key[0] == kind] for kind in kinds}
    height = 1.3 + sum(0.3 + 0.4 * len(bars[kind]) for kind in kinds)
    ratios = {"height_ratios": [len(bars[kind]) + 0.5 for kind in kinds]}
    made, panels = figure(height, len(kinds), sharex=True, gridspec_kw=ratios)
    for axes, kind in zip(panels, kinds):
        for y, key in enumerate(reversed(bars[kind])):
            left, shares = 0.0, found[key]
            for part in (p for p in PARTS if p in shares):
                axes.barh(y, shares[part], left=left, color=SHADES[part], height=0.66)
                left += shares[part]
            note(axes, f"{shares['position']:.2g} %", (left, y), (4, 0))
        names = [name_of(key) for key in reversed(bars[kind])]
        axes.set_yticks(range(len(names)), names, fontsize=7.5)
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 112)
        axes.set_title({"forward": "forward pass", "train": "training step"}[kind])
    panels[-1].set_xticks(range(0, 101, 20))
    panels[-1].set_xlabel("% of the pass; at the end: the position's share")
    shown = [part for part in PARTS if any(part in shares for shares in found.values())]
    for i, part in enumerate(shown):
        above = (72 * (i % 4) - 40, 32 - 12 * (i // 4))  # points
        name = f"■ {part.replace('_', ' ')}"
        panels[0].annotate(
            name, (0, 1), above, "axes fraction", textcoords="offset points", color=SHADES[part]
        )
    return made


Bar = tuple[str, int, str, int, int, int]  # kind, hidden, precision, layers, length, batch


def largest(rows: list[Row]) -> dict[Bar, dict[str, float]]:
    """Shares by part for the largest batch in tokens that each hidden size and precision was timed with."""
    bars: dict[Bar, dict[str, float]] = {}
    for kind, _, precision, hidden, layers, length, batch, part, _, share, *_ in rows:
        key = (str(kind), int(hidden), str(precision), int(layers), int(length), int(batch))
        bars.setdefault(key, {})[str(part)] = float(share)
    chosen: dict[tuple[str, int, str], Bar] = {}
    for bar in bars:
        kept = chosen.setdefault(bar[:3], bar)
        chosen[bar[:3]] = max(kept, bar, key=lambda b: (b[4] * b[5], b[3]))
    return {
        bar: bars[bar] for bar in sorted(chosen.values(), key=lambda b: (b[0], b[2] != "f32", b))
    }


def name_of(bar: Bar) -> str:
    _, hidden, precision, layers, length, batch = bar
    shown = f"d {hidden}, {layers} layers\n{batch} × {length} tokens"
    return shown if precision == "f32" else f"{shown}, {precision}"


def peer_speed(context: Context) -> Any:
    """How many times as long as ours each engine takes, with its interval."""
    rows = [row for row in peer_rows(context) if row[1] in MARKS and row[2]]
    names = list(dict.fromkeys(str(row[0]) for row in rows))
    if not names:
        return None
    made, (axes,) = figure(1.0 + 0.42 * len(names))
    axes.set_xscale("log")
    axes.axvline(1, color=INK, linewidth=0.8)
    for work, arm, *_, ratio, low, high in (row[:9] for row in rows):
        mark, shade = MARKS[str(arm)]
        y = len(names) - 1 - names.index(str(work)) + (0.14 if arm == "pytorch" else -0.14)
        axes.plot([1, ratio], [y, y], color=FAINT, linewidth=0.8, zorder=0)
        if math.isfinite(float(low)):
            axes.plot([low, high], [y, y], color=shade, linewidth=2)
        axes.plot(ratio, y, mark, color=shade, markersize=5)
        end = high if math.isfinite(float(high)) else ratio
        note(axes, f"{float(ratio):.2f}", (float(end), y), (6, 0))
    ends = [float(v) for row in rows for v in row[6:9] if math.isfinite(float(v))]
    axes.set_xlim(min(0.9, *ends) / 1.05, max(1.1, *ends) * 1.15)
    plain_ticks(axes)
    shown = [name.replace(" layers, ", " layers\n") for name in reversed(names)]
    axes.set_yticks(range(len(names)), shown, fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(f"time relative to {engine.OURS}")
    for i, (arm, (mark, shade)) in enumerate(MARKS.items()):
        axes.plot(0.02 + 0.3 * i, 1.03, mark, color=shade, transform=axes.transAxes, clip_on=False)
        axes.text(0.05 + 0.3 * i, 1.03, arm, transform=axes.transAxes, va="center", color=shade)
    return made
