"""Tables of encodings and systems: what each costs, and how it grows with the length."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np

from report import cost, engine, growth
from report.records.encoder_cost import MEMORY
from report.statistics import LEVEL, median_of_blocks
from report.tables import Context, Row, Value
from report.tables.engine import with_bounds

PLAIN = "encoder/learned"  # what systems are compared with
LONG = 1024  # from here on attention rules the time


def without_positions(arm: str) -> str:
    """The same system without a position encoding."""
    system, slash, _ = arm.rpartition("/")
    return f"{system}{slash}none"


def encodings_cost(context: Context) -> list[Row]:
    """Every encoding, relative to the same system without one."""
    return cost_rows(context, "encodings", without_positions)


def systems_cost(context: Context) -> list[Row]:
    """Every system with its own encoding, relative to the plain encoder."""
    return cost_rows(context, "systems", lambda arm: PLAIN)


def cost_rows(context: Context, study: str, baseline_of: Callable[[str], str]) -> list[Row]:
    rows: list[Row] = []
    for shape, processes in cost.shapes(context.evidence, study).items():
        for arm in dict.fromkeys(arm for p in processes for arm in p.arms):
            baseline = baseline_of(arm)
            logs = cost.log_ratios(processes, arm, baseline)
            label = f"{study} {shape!r} {arm}"
            share = cost.per_process(processes, lambda p: cost.own_share(p, arm), f"share {label}")
            here = [p for p in processes if arm in p.arms]
            ratio = median_of_blocks(logs, label) if logs and arm != baseline else None
            memory: list[Value] = [here[0].memory[arm][key] for key in MEMORY]
            rows.append(
                [
                    *(shape.kind, shape.hidden, shape.layers, shape.length, shape.batch),
                    *(arm, len(here), cost.median_ns(here, arm) / 1e6),
                    *with_bounds(ratio),
                    share.effect if share else math.nan,
                    engine.pytorch_times(context.evidence, shape, arm),
                    *memory,
                ]
            )
    return rows


def growth_exponents(context: Context) -> list[Row]:
    """Fitted exponents of time, scores and working memory: over all lengths, and over long ones."""
    found = {name: growth.lines(context.evidence, name) for name in growth.QUANTITIES}
    rows: list[Row] = []
    for line, points in found["time"].items():
        for least in (0, LONG):
            shown = growth.lengths(points, least)
            if len(shown) < 3 or (least and shown == growth.lengths(points)):
                continue
            row: Row = [*line, shown[0], shown[-1], len(points)]
            for name in growth.QUANTITIES:
                of = found[name].get(line)
                fitted = growth.exponent(of, least, f"{name} {line!r}") if of else None
                row += [fitted.effect if fitted else math.nan]
                row += fitted.interval(LEVEL) if fitted else (math.nan, math.nan)
            rows.append(row)
    return rows


def growth_by_length(context: Context) -> list[Row]:
    """What the exponents are fitted to: medians over processes."""
    found = {name: growth.lines(context.evidence, name) for name in growth.QUANTITIES}
    rows: list[Row] = []
    for line, points in found["time"].items():
        for length in growth.lengths(points):
            row: Row = [*line, length, len(points)]
            for name, unit in zip(growth.QUANTITIES, (1e6, 1e6, 1)):
                values = [v[length] for v in found[name].get(line, {}).values() if length in v]
                row.append(float(np.median(values)) / unit if values else math.nan)
            rows.append(row)
    return rows
