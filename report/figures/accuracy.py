"""Charts of scores."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, Callable

import numpy as np

from report.claims import Verdict
from report.figures.style import BAND, FAINT, INK, colour, end_labels, figure, note
from report.pairs import PER_CENT, Pairing, arm_order, result_of
from report.tables import Context
from report.tables.accuracy import (
    comparisons,
    loss_by_position as loss_rows,
    scale_curve as scale_rows,
)


ENOUGH = 100  # units; a band with fewer is in the table, but would be noise in the chart


def parity(context: Context) -> Any:
    return forest(context, "C1", one_sided=False)


def downstream(context: Context) -> Any:
    return forest(context, "C6", one_sided=True)


def forest(context: Context, claim: str, one_sided: bool) -> Any:
    """Effect and interval of each task, with what counts as equal as a band."""
    rows = [
        v
        for v in context.verdicts
        if v.claim == claim and math.isfinite(v.finding.effect) and v.part != "all"
    ]
    if not rows:
        return None
    made, (axes,) = figure(0.75 + 0.62 * len(rows))
    for y, verdict in enumerate(reversed(rows)):
        draw_effect(axes, y, verdict, one_sided)
    axes.axvline(0, color=INK, linewidth=0.8)
    found = [v.finding for v in rows]
    bounds = [abs(b) for f in found for b in (f.low, f.high, f.effect, f.margin)]
    edge = 1.15 * max(bound for bound in bounds if math.isfinite(bound))
    axes.set_xlim(-edge, edge)
    axes.set_ylim(-0.6, len(rows) - 0.2)
    axes.set_yticks(range(len(rows)), [v.label for v in reversed(rows)])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    rule = context.rule(claim)
    axes.set_xlabel(f"test accuracy, {rule['arm']} − {rule['reference']}, points")
    return made


def draw_effect(axes: Any, y: int, verdict: Verdict, one_sided: bool) -> None:
    found = verdict.finding
    margin = found.margin
    if math.isfinite(margin):
        width = 2 * margin + (1e3 if one_sided else 0)
        axes.barh(y, width, left=-margin, height=0.62, color=BAND, zorder=0)
    if math.isfinite(found.low):
        axes.plot([found.low, found.high], [y, y], color=colour("learned"), linewidth=2.4)
    axes.plot(found.effect, y, "o", color=colour("learned"), markersize=6)
    label = f"{found.effect:+.2f}  (n {found.n})"
    note(axes, label, (found.effect, y), (0, 5))


def panels(
    context: Context, height: float, draw: Callable[[Any, Pairing], list[Any]], **options: Any
) -> Any:
    """One panel per task; `draw` returns the ends of its lines, which are then named."""
    found = [pairing for _, pairing in comparisons(context)]
    if not found:
        return None
    made, axes = figure(height * len(found) + 0.3, len(found), **options)
    drawn = False
    for one, pairing in zip(axes, found):
        one.set_title(pairing.task)
        ends = draw(one, pairing)
        if ends:
            end_labels(one, ends)
            drawn = True
    return made if drawn else None


def learning_curves(context: Context) -> Any:
    def draw(axes: Any, pairing: Pairing) -> list[Any]:
        ends = []
        for arm in arm_order(pairing.arms):
            points: dict[int, list[float]] = defaultdict(list)
            for trial in pairing.arms[arm].values():
                curve = result_of(trial).curve
                x = [p.step for p in curve]
                y = [p.dev_accuracy * PER_CENT for p in curve]
                axes.plot(x, y, color=colour(arm), linewidth=0.5, alpha=0.35)
                for step, value in zip(x, y):
                    points[step].append(value)
            if points:
                steps = sorted(points)
                mean = [float(np.mean(points[s])) for s in steps]
                axes.plot(steps, mean, color=colour(arm))
                ends.append((steps[-1], mean[-1], arm, colour(arm)))
        axes.set_ylabel("dev accuracy, %")
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
            bands = [r for r in rows if r[:2] == [pairing.task, arm] and float(r[5]) >= ENOUGH]
            if bands:
                x = [(float(row[2]) + float(row[3])) / 2 for row in bands]
                y = [float(row[4]) for row in bands]
                axes.plot(x, y, ".-", color=colour(arm), linewidth=1.2)
                ends.append((x[-1], y[-1], arm, colour(arm)))
        last = int(axes.get_xlim()[1])
        ticks = [0, *(2**k for k in range(0, max(1, last).bit_length(), 2))]
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        axes.set_ylabel("test loss, nats")
        axes.set_xlabel("position" if pairing.task == "tagging" else "length of the text")
        return ends

    return panels(context, 1.9, draw)


def scale_curve(context: Context) -> Any:
    """Development accuracy against the scale at which positions enter, the chosen scale ringed."""
    rows = scale_rows(context)
    tasks = sorted({str(row[0]) for row in rows})
    if not rows:
        return None
    made, axes = figure(2.1 * len(tasks) + 0.3, len(tasks))
    for one, task in zip(axes, tasks):
        one.set_title(task)
        one.set_xscale("log")
        ends = []
        for arm in arm_order({str(row[1]) for row in rows if row[0] == task}):
            best: dict[float, tuple[float, bool]] = {}
            for row in rows:
                if (row[0], row[1]) == (task, arm):
                    x, y = float(row[2]), float(row[6])
                    if x > 0 and y > best.get(x, (-1.0, False))[0]:
                        best[x] = (y, bool(row[8]))
            if not best:
                continue
            xs = sorted(best)
            ys = [best[x][0] for x in xs]
            one.plot(xs, ys, "o-", color=colour(arm), markersize=4)
            for x in xs:
                if best[x][1]:
                    ring = {"markersize": 10, "markerfacecolor": "none", "markeredgewidth": 1.4}
                    one.plot(x, best[x][0], "o", markeredgecolor=colour(arm), **ring)
            ends.append((xs[-1], ys[-1], arm, colour(arm)))
        ticks = sorted({float(row[2]) for row in rows if row[0] == task and float(row[2]) > 0})
        one.set_xticks(ticks, [f"{t:g}" for t in ticks])
        one.minorticks_off()
        one.grid(axis="y", color=FAINT, linewidth=0.4)
        one.set_ylabel("dev accuracy, %")
        one.set_xlabel("RMS of positions at the start")
        if ends:
            end_labels(one, ends)
    return made
