"""Tables of what changes around the kernels: storage and stores, instruction set, threads."""

from __future__ import annotations

import math
from collections import defaultdict

from report import cost
from report.arms import STREAMS, parse
from report.levels import LEVELS, level_of
from report.statistics import Estimate
from report.tables import Context, Row
from report.tables.cost import bounds

NAMES = {"sse4": "SSE4", "avx2": "AVX2", "avx512": "AVX-512"}
SETS = tuple(NAMES)  # narrowest first
VARIANTS, TIERS, THREADS = "encoding_variants", "encoding_tiers", "encoding_threads"


def cost_variants(context: Context) -> list[Row]:
    """Each arm against the lookup of its own storage and mode, that lookup against the plain one."""
    groups: dict[tuple[str, str], cost.Cells] = defaultdict(dict)
    for cell, processes in cost.cells(context.evidence, VARIANTS).items():
        groups[cell.state, level_of(context.evidence, processes)][cell] = processes
    rows: list[Row] = []
    for state, level in sorted(groups, key=lambda k: (k[0], LEVELS.index(k[1]))):
        here = groups[state, level]
        for arm in cost.arms_of([p for processes in here.values() for p in processes]):
            baseline = baseline_of(arm)
            found = cost.overall(context.evidence, here, arm, baseline)
            if found is not None and arm not in (cost.BASELINE, *STREAMS):
                mean = [*bounds(found.log_ratio), found.least, found.most]
                rows.append([state, arm, baseline, level, *mean, found.cells])
    return rows


def baseline_of(arm: str) -> str:
    """The lookup that does the same task: in place beside in place, bf16 beside bf16."""
    same = cost.BASELINE + parse(arm).variant
    return cost.BASELINE if arm == same else same


def is_limited(context: Context, isa: str) -> bool:
    """Did a limit keep the kernels from the widest vectors that the machine has?"""
    host = context.evidence.timing_host
    return host is not None and isa not in ("native", host.facts.get("isa_available"))


def tier(context: Context, isa: str) -> str:
    """What to call an instruction set: a limit set by hand does not make this CPU another one."""
    between = " limited to " if is_limited(context, isa) else ", "
    return "this CPU" + between + NAMES.get(isa, isa)


def tiers(context: Context) -> list[str]:
    """Instruction sets that were measured, the widest first."""
    found = {cell.isa for cell in cost.cells(context.evidence, TIERS)}
    return sorted(found, key=lambda isa: -SETS.index(isa) if isa in SETS else -len(SETS))


def cost_tiers(context: Context) -> list[Row]:
    """Each arm against the lookup of the same tier, and against itself with the widest vectors."""
    cells = cost.cells(context.evidence, TIERS)
    present = tiers(context)
    states = [s for s in cost.STATES if any(cell.state == s for cell in cells)]
    rows: list[Row] = []
    for state in states:
        for isa in present:
            here = {c: p for c, p in cells.items() if (c.state, c.isa) == (state, isa)}
            for arm in cost.arms_of([p for processes in here.values() for p in processes]):
                found = cost.overall(context.evidence, here, arm, cost.BASELINE)
                if found is not None:
                    mean = [*bounds(found.log_ratio), found.least, found.most]
                    own = slowdown(context, here, present[0], arm)
                    rows.append([state, arm, tier(context, isa), found.cells, *mean, *own])
    return rows


def slowdown(context: Context, here: cost.Cells, native: str, arm: str) -> list[float]:
    """Time of an arm over its time on the native tier, geometric mean over cells, with bounds."""
    cells = cost.cells(context.evidence, TIERS)
    found = [
        r
        for cell in here
        if cell.isa != native
        if (r := cost.across(context.evidence, cells, cell, cell._replace(isa=native), arm))
    ]
    return bounds(cost.summary(found).log_ratio) if found else [math.nan] * 3


def cost_threads(context: Context) -> list[Row]:
    """One core against all of them, by the level that holds the working set."""
    cells = cost.cells(context.evidence, THREADS)
    groups: dict[tuple[str, int, str], cost.Cells] = defaultdict(dict)
    for cell, processes in cells.items():
        if cell.threads > 1:
            level = level_of(context.evidence, processes)
            groups[cell.state, cell.threads, level][cell] = processes
    rows: list[Row] = []
    for state, threads, level in sorted(groups, key=lambda k: (k[0], k[1], LEVELS.index(k[2]))):
        here = groups[state, threads, level]
        for arm in cost.arms_of([p for processes in here.values() for p in processes]):
            found = threads_row(context, cells, here, arm)
            if found:
                rows.append([state, level, arm, threads, *found])
    return rows


def threads_row(context: Context, cells: cost.Cells, here: cost.Cells, arm: str) -> list[float]:
    """Cells, ns per element with one thread and with all, and the speed-up with its bounds."""
    faster, one, every = [], [], []
    for cell in here:
        single = cell._replace(threads=1)
        found = cost.across(context.evidence, cells, single, cell, arm)
        if found is not None:
            faster.append(found)
            one.append(log_pace(context, cells, single, arm))
            every.append(log_pace(context, cells, cell, arm))
    if not faster:
        return []
    means = [math.exp(math.fsum(logs) / len(logs)) for logs in (one, every)]
    return [len(faster), *means, *bounds(cost.summary(faster).log_ratio)]


def log_pace(context: Context, cells: cost.Cells, cell: cost.Cell, arm: str) -> float:
    """Log of nanoseconds per element."""
    return cost.pace(context.evidence, cell, cells[cell], arm).effect - math.log(cell.elements)
