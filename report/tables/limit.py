"""Tables of the limit: how near each arm comes to the machine's own streaming bandwidth."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Sequence

import numpy as np

from report import arms, cost, levels
from report.pairs import PER_CENT
from report.records.encoding_cost import EncodingCost
from report.statistics import Estimate
from report.tables import Context, Row
from report.tables.cost import bounds

STUDIES = (cost.MAIN, "encoding_variants", "embedding_cost")  # one thread, no limit on the CPU
ROOFLINE = "encoding_roofline"


def holder(processes: Sequence[EncodingCost], arm: str) -> EncodingCost:
    """A process that ran the arm; its bytes and its stream are those of the cell."""
    return next(p for p in processes if arm in p.arms)


def share(
    context: Context, cell: cost.Cell, processes: Sequence[EncodingCost], arm: str
) -> Estimate | None:
    """Log of (bytes / time) of the arm over (bytes / time) of its stream, paired by block.

    None for an arm that has no limit (none, and the streams themselves) or whose stream did not run.
    """
    own = holder(processes, arm)
    stream = own.stream.get(arm, arm)
    times = cost.ratio(context.evidence, cell, processes, arm, stream)
    if stream == arm or times is None:
        return None
    more = math.log(own.bytes[arm] / own.bytes[stream])
    return Estimate(more - times.effect, times.se, times.df, times.n)


def cost_share_of_limit(context: Context) -> list[Row]:
    """Each arm's share of its limit by cell, %, with the bandwidth that it reached itself."""
    rows: list[Row] = []
    for study in STUDIES:
        for cell, processes in cost.cells(context.evidence, study).items():
            level = levels.level_of(context.evidence, processes)
            for arm in cost.arms_of(processes):
                found = share(context, cell, processes, arm)
                if found is not None:
                    own = holder(processes, arm)
                    speed = own.bytes[arm] / cost.median_ns(processes, arm)
                    place: Row = [study, cell.state, level, cell.hidden, cell.length, cell.batch]
                    per_cent = [PER_CENT * b for b in bounds(found)]
                    rows.append([*place, arm, own.stream[arm], *per_cent, speed])
    return rows


def share_summary(context: Context) -> list[Row]:
    """Over hot cells, where the working set's size says which level serves it: median and range."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _, state, level, _, _, _, arm, _, value, *_ in cost_share_of_limit(context):
        if state == "hot":
            found[str(arm), str(level)].append(float(value))
    order = sorted(found, key=lambda k: (levels.LEVELS.index(k[1]), arms.rank(k[0])))
    return [
        [arm, level, float(np.median(values)), min(values), max(values), len(values)]
        for arm, level in order
        if (values := found[arm, level])
    ]


def cost_roofline(context: Context) -> list[Row]:
    """Bandwidth of each stream and of the best arms by working set."""
    rows: list[Row] = []
    for cell, processes in cost.cells(context.evidence, ROOFLINE).items():
        for arm in cost.arms_of(processes):
            own = holder(processes, arm)
            if own.bytes.get(arm):
                ns = cost.pace(context.evidence, cell, processes, arm)
                speed = bounds(Estimate(math.log(own.bytes[arm]) - ns.effect, ns.se, ns.df, ns.n))
                touched = own.working_set_bytes[arm]
                level = levels.level(context.evidence, touched)
                place: Row = [cell.state, cell.hidden, cell.length, cell.batch]
                rows.append([*place, arm, touched, level, ns.n, *speed])
    return rows
