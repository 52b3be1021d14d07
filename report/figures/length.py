"""Charts of language models on texts longer than they were trained on."""

from __future__ import annotations

import math
from typing import Any

from report.figures.style import FAINT, INK, colour, dashes, end_labels, figure
from report.pairs import TEST
from report.tables import Context, Row
from report.tables.length import late_rows as late
from report.tables.length import length_by_position as by_position
from report.tables.length import length_scores as short_texts
from report.tables.length import long_text_scores as long_texts

WORST = 1.5  # nats; what is worse is drawn at the edge


def length_scores(context: Context) -> Any:
    return increases(short_texts(context))


def long_text_scores(context: Context) -> Any:
    return increases(long_texts(context))


def increases(rows: list[Row]) -> Any:
    """How much the loss grows with the length of the rows, one panel a setting."""
    settings = list(dict.fromkeys((str(r[0]), str(r[1])) for r in rows if r[4] != TEST))
    if not settings:
        return None
    made, panels = figure(2.6 * len(settings) + 0.3, len(settings))
    for axes, setting in zip(panels, settings):
        mine = [r for r in rows if (r[0], r[1]) == setting]
        ends = []
        for arm in dict.fromkeys(str(r[2]) for r in mine):
            points = [(1.0, 0.0, 0.0, 0.0)]
            for row in (r for r in mine if r[2] == arm and r[4] != TEST):
                times = float(str(row[4]).removeprefix("test ").removesuffix("x"))
                effect, low, high = (min(float(v), WORST) for v in row[5:8])
                points.append((times, effect, low, high))
            if len(points) > 1:
                x, y, lows, highs = zip(*points)
                axes.plot(x, y, "o", linestyle=dashes(arm), color=colour(arm), markersize=3)
                if not any(math.isnan(v) for v in lows):
                    axes.fill_between(x, lows, highs, color=colour(arm), alpha=0.15, linewidth=0)
                ends.append((x[-1], y[-1], arm, colour(arm)))
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_title(", ".join(setting))
        axes.set_xscale("log", base=2)
        ticks = sorted({e[0] for e in ends} | {1.0, 1.5, 2.0})
        axes.set_xticks(ticks, [f"{t:g} ×" for t in ticks])
        axes.minorticks_off()
        axes.set_ylabel("nats above trained length")
        end_labels(axes, ends)
    panels[-1].set_xlabel("length of the rows over that of training")
    return made


def length_by_position(context: Context) -> Any:
    """Loss along rows twice as long as trained; the line is where training ended."""
    rows = by_position(context)
    if not rows:
        return None
    made, (axes,) = figure(3.2)
    ends = []
    for arm in dict.fromkeys(str(r[0]) for r in rows):
        mine = [r for r in rows if r[0] == arm]
        x = [(float(r[1]) + float(r[2])) / 2 for r in mine]
        y = [float(r[3]) for r in mine]
        axes.plot(x, y, linestyle=dashes(arm), color=colour(arm), linewidth=1.2)
        ends.append((x[-1], y[-1], arm, colour(arm)))
    axes.axvline(64, color=FAINT, linewidth=1)
    axes.set_xlabel("position")
    axes.set_ylabel("test loss, nats")
    end_labels(axes, ends)
    return made


def late_rows(context: Context) -> Any:
    """The advantage of learned by position, on both schedules."""
    rows = late(context)
    if not rows:
        return None
    made, (axes,) = figure(2.4)
    ends = []
    for schedule, shade in (("long", INK), ("short", colour("learned"))):
        mine = [r for r in rows if r[0] == schedule]
        if not mine:
            continue
        x = list(range(len(mine)))
        y = [float(r[7]) for r in mine]
        axes.plot(x, y, "o-", color=shade)
        for i, row in enumerate(mine):
            if math.isfinite(float(row[8])):
                axes.plot([i, i], [float(row[8]), float(row[9])], color=shade, linewidth=1.2)
        axes.set_xticks(x, [f"{row[1]}–{row[2]}" for row in mine])
        name = "all steps on long rows" if schedule == "long" else "90 % of steps on short rows"
        ends.append((x[-1], y[-1], name, shade))
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set_xlabel("positions")
    axes.set_ylabel("advantage of learned, nats")
    end_labels(axes, ends)
    return made
