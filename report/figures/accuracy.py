"""Charts of scores."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, Callable

from matplotlib.ticker import NullLocator

from report.claims import Verdict
from report.rules import NOT_TESTABLE
from report.figures.curves import draw_curves
from report.figures.style import BAND, FAINT, INK, colour, end_labels, figure, note, pages
from report.pairs import LOSS, PER_CENT, Pairing, arm_order
from report.tables import Context, Row
from report.tables.accuracy import (
    comparisons,
    loss_by_position as loss_rows,
)
from report.tables.search import scale_curve as scale_rows


ENOUGH = 100  # units; a band with fewer is in the table, but would be noise in the chart


def parity(context: Context) -> Any:
    return forest(context, "C1", one_sided=False)


def causal(context: Context) -> Any:
    return forest(context, "C8", one_sided=True)


def downstream(context: Context) -> Any:
    return forest(context, "C6", one_sided=True)


def forest(context: Context, claim: str, one_sided: bool) -> Any:
    """Effect and interval of each setting in units of its margin; what counts as equal is a band.

    Points and nats then stand in one chart; the numbers beside the marks are in their own unit.
    """
    rows = [
        v
        for v in context.verdicts
        if v.claim == claim and v.part != "all" and v.finding.margin > 0 and v.finding.unit
    ]
    rows = [v for v in rows if math.isfinite(v.finding.effect)]
    if not rows:
        return None
    made, (axes,) = figure(0.75 + 0.5 * len(rows))
    for y, verdict in enumerate(reversed(rows)):
        draw_effect(axes, y, verdict, one_sided)
    axes.axvline(0, color=INK, linewidth=0.8)
    found = [v.finding for v in rows]
    bounds = [abs(b) / f.margin for f in found for b in (f.low, f.high, f.effect, f.margin)]
    edge = 1.5 * max(bound for bound in bounds if math.isfinite(bound))
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(-edge, edge)
    ticks = [t for t in (1, 10, 100) if t < edge]
    axes.set_xticks([*(-t for t in reversed(ticks)), 0, *ticks])
    axes.xaxis.set_major_formatter("{x:+.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(-0.6, len(rows) - 0.2)
    axes.set_yticks(range(len(rows)), [v.label for v in reversed(rows)])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("← sinusoid better · in margins · learned better →")
    return made


def draw_effect(axes: Any, y: int, verdict: Verdict, one_sided: bool) -> None:
    found = verdict.finding
    width = 2 + (1e3 if one_sided else 0)
    axes.barh(y, width, left=-1, height=0.62, color=BAND, zorder=0)
    shown = colour("learned") if found.verdict != NOT_TESTABLE else FAINT
    if math.isfinite(found.low):
        ends = [found.low / found.margin, found.high / found.margin]
        axes.plot(ends, [y, y], color=shown, linewidth=2.4)
    axes.plot(found.effect / found.margin, y, "o", color=shown, markersize=6)
    form = "+.3f" if found.unit == "nats" else "+.2f"
    label = f"{found.effect:{form}} {found.unit}"
    note(axes, label, (found.effect / found.margin, y), (0, 5))


def panels(
    context: Context, height: float, draw: Callable[[Any, Pairing], list[Any]], **options: Any
) -> Any:
    """One panel per setting; `draw` returns the ends of its lines, which are then named."""
    found = [pairing for _, pairing in comparisons(context)]
    charts = []
    for group in pages(found):
        made, axes = figure(height * len(group) + 0.3, len(group), **options)
        for one, pairing in zip(axes, group):
            one.set_title(pairing.name)
            if ends := draw(one, pairing):
                end_labels(one, ends)
        charts.append(made)
    return charts


def learning_curves(context: Context) -> Any:
    def draw(axes: Any, pairing: Pairing) -> list[Any]:
        is_loss = pairing.metric == LOSS
        ends = []
        for arm in arm_order(pairing.arms):
            trials = pairing.arms[arm].values()
            ends += draw_curves(
                axes,
                arm,
                trials,
                lambda p: p.dev_loss if is_loss else p.dev_accuracy * PER_CENT,
            )
        axes.set_ylabel("dev loss, nats" if is_loss else "dev accuracy, %")
        axes.set_xlabel("training step")
        return ends

    return panels(context, 1.9, draw)


def loss_by_position(context: Context) -> Any:
    """Mean loss in bands of positions that double, each at its middle."""
    rows = loss_rows(context)

    def draw(axes: Any, pairing: Pairing) -> list[Any]:
        ends = []
        axes.set_xscale("symlog", base=2, linthresh=1, linscale=0.5)
        for arm in arm_order(pairing.arms):
            mine = [pairing.task, pairing.dataset, arm]
            bands = [r for r in rows if r[:3] == mine and float(r[6]) >= ENOUGH]
            if bands:
                x = [(float(row[3]) + float(row[4])) / 2 for row in bands]
                y = [float(row[5]) for row in bands]
                axes.plot(x, y, ".-", color=colour(arm), linewidth=1.2)
                ends.append((x[-1], y[-1], arm, colour(arm)))
        last = int(axes.get_xlim()[1])
        ticks = [0, *(2**k for k in range(0, max(1, last).bit_length(), 2))]
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        axes.set_ylabel("test loss, nats")
        by_length = pairing.task in ("classification", "span_qa")
        axes.set_xlabel("length of the text" if by_length else "position")
        return ends

    return panels(context, 1.9, draw)


def scale_curve(context: Context) -> Any:
    """Development score against the scale at which positions enter, the chosen scale ringed.

    A line for each scale of the tokens, each point the best learning rate of the search's first
    rung: trainings of different lengths do not stand on one line.
    """
    rows = scale_rows(context)
    settings = list(dict.fromkeys((str(row[0]), str(row[1])) for row in rows))
    return [scale_page(rows, group) for group in pages(settings)]


def scale_lines(rows: list[Row], sign: float) -> dict[tuple[str, float], list[Row]]:
    """(arm, token RMS) -> the row of the best rate at each position RMS."""
    best: dict[tuple[str, float], dict[float, Row]] = defaultdict(dict)
    for row in rows:
        line = best[(str(row[2]), float(row[4]))]
        kept = line.setdefault(float(row[3]), row)
        if sign * float(row[9]) > sign * float(kept[9]):
            line[float(row[3])] = row
    return {key: [line[x] for x in sorted(line)] for key, line in best.items()}


def scale_page(rows: list[Row], settings: list[tuple[str, str]]) -> Any:
    made, axes = figure(2.1 * len(settings) + 0.3, len(settings))
    for one, setting in zip(axes, settings):
        every = [row for row in rows if (row[0], row[1]) == setting]
        steps = min(float(row[5]) for row in every)
        mine = [row for row in every if float(row[5]) == steps]  # the first rung
        is_loss = mine[0][7] == LOSS
        one.set_title(", ".join(setting))
        one.set_xscale("log")
        chosen = list(dict.fromkeys(tuple(row[2:5]) for row in every if row[11] and row[3]))
        ends = []
        for (arm, tokens), line in scale_lines(mine, -1.0 if is_loss else 1.0).items():
            x, y = [float(row[3]) for row in line], [float(row[9]) for row in line]
            style = "-" if tokens == min(float(row[4]) for row in mine) else ":"
            if x == [0.0]:  # no positions, no scale of them
                if style == "-":
                    one.axhline(y[0], color=colour(arm), linewidth=0.8)
                    ends.append((max(float(row[3]) for row in mine), y[0], arm, colour(arm)))
                continue
            one.plot(x, y, f"o{style}", color=colour(arm), markersize=4)
            for row in (row for row in line if tuple(row[2:5]) in chosen):
                ring = {"markersize": 10, "markerfacecolor": "none", "markeredgewidth": 1.4}
                one.plot(float(row[3]), float(row[9]), "o", markeredgecolor=colour(arm), **ring)
            ends.append((x[-1], y[-1], f"{arm}, tokens {tokens:g}", colour(arm)))
        ticks = sorted({float(row[3]) for row in mine if float(row[3]) > 0})
        one.set_xticks(ticks, [f"{t:g}" for t in ticks])
        one.minorticks_off()
        one.grid(axis="y", color=FAINT, linewidth=0.4)
        one.set_ylabel("dev loss, nats" if is_loss else f"dev {mine[0][7]}, %")
        used = "; ".join(f"{arm} {rms:g}, tokens {tokens:g}" for arm, rms, tokens in chosen)
        one.set_xlabel("RMS of positions at the start" + (f"\nused: {used}" if used else ""))
        if ends:
            end_labels(one, ends)
    return made
