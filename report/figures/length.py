"""Charts of language models on texts longer than they were trained on."""

from __future__ import annotations

import math
from typing import Any

from report.figures.style import FAINT, INK, colour, dashes, end_labels, figure, note
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
    """How much longer rows cost each encoding, the shortest above the longest; a panel a setting."""
    longer = [r for r in rows if r[4] != TEST]
    settings = list(dict.fromkeys((str(r[0]), str(r[1])) for r in longer))
    if not settings:
        return None
    groups = [[r for r in longer if (r[0], r[1]) == setting] for setting in settings]
    heights = [len({r[2] for r in group}) + 1 for group in groups]
    slot = 0.04 + 0.1 * len({r[4] for r in longer})  # inches of an arm
    made, panels = figure(
        0.5 * len(groups) + slot * sum(heights), len(groups), gridspec_kw={"height_ratios": heights}
    )
    for axes, setting, group in zip(panels, settings, groups):
        axes.set_title(", ".join(setting))
        axes.axvline(0, color=INK, linewidth=0.8)
        arms = list(dict.fromkeys(str(r[2]) for r in reversed(group)))
        for y, arm in enumerate(arms):
            draw_arm(axes, y, arm, [r for r in group if r[2] == arm])
        axes.set_yticks(range(len(arms)), arms, fontsize=8)
        axes.set_ylim(-0.6, len(arms) - 0.4)
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.15)
    panels[-1].set_xlabel("nats above the trained length")
    return made


def draw_arm(axes: Any, y: int, arm: str, rows: list[Row]) -> None:
    """The increase and interval of an arm at each length, the number beside the longest."""
    end = 0.0
    for i, row in enumerate(rows):
        height = y + 0.76 * ((len(rows) - 1) / 2 - i) / len(rows)
        effect, low, high = (min(float(v), WORST) for v in row[5:8])
        look = {"color": colour(arm), "alpha": (i + 1) / len(rows)}
        if math.isfinite(low):
            axes.plot([low, high], [height, height], linewidth=1.6, **look)
        axes.plot(effect, height, "o", markersize=3.5, **look)
        end = high if math.isfinite(high) else effect
    note(axes, f"{float(rows[-1][5]):+.2f}", (end, height), (5, 0))


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
