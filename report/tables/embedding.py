"""Tables of the fused embedding: what a position costs where a model pays for it."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Sequence

from report import cost
from report.arms import parse
from report.pairs import PER_CENT
from report.fields import Floats
from report.records.encoding_cost import EncodingCost
from report.statistics import Estimate, LEVEL, mean_of, median_of_blocks
from report.tables import Context, Row
from report.tables.cost import bounds

STUDY = "embedding_cost"
NOTHING, REFERENCE = "embed_none", "embed_learned"


def embedding_cost(context: Context) -> list[Row]:
    """Per cell: the whole pass, and what the position adds to the same pass without one."""
    rows: list[Row] = []
    for cell, processes in cost.cells(context.evidence, STUDY).items():
        for arm in cost.arms_of(processes):
            added, share = marginal(context, cell, processes, arm)
            place: Row = [cell.state, cell.isa, cell.hidden, cell.length, cell.batch]
            ns = cost.median_ns(processes, arm) / cell.elements
            numbers = [*with_bounds(added), *with_bounds(share)]
            rows.append([*place, arm, len(processes), ns, *numbers])
    return rows


def with_bounds(estimate: Estimate | None) -> list[float]:
    return [estimate.effect, *estimate.interval(LEVEL)] if estimate else [math.nan] * 3


def marginal(
    context: Context, cell: cost.Cell, processes: Sequence[EncodingCost], arm: str
) -> tuple[Estimate | None, Estimate | None]:
    """The position's nanoseconds per element, and its share of the whole in percent; by block."""
    without = NOTHING + parse(arm).segments
    key = f"marginal {cell!r} {arm}"
    cache = context.evidence.cache
    if key not in cache:
        pairs = [p for p in (paired(process, arm, without) for process in processes) if p]
        cache[key] = (None, None)
        if pairs and arm != without:
            added = [(with_it - bare) / cell.elements for with_it, bare in pairs]
            share = [PER_CENT * (with_it - bare) / with_it for with_it, bare in pairs]
            cache[key] = (median_of_blocks(added, key), median_of_blocks(share, f"{key} share"))
    found: tuple[Estimate | None, Estimate | None] = cache[key]
    return found


def paired(process: EncodingCost, arm: str, without: str) -> tuple[Floats, Floats] | None:
    """Nanoseconds of both arms in the blocks that ran both."""
    if arm not in process.arms or without not in process.arms:
        return None
    one, other = process.arms[arm], process.arms[without]
    i, j = cost.joined(one, other)
    return (one.ns[i], other.ns[j]) if len(i) else None


def embedding_summary(context: Context) -> list[Row]:
    """Over cells: each arm against the fused lookup, and the position's share of the whole."""
    groups: dict[str, cost.Cells] = defaultdict(dict)
    for cell, processes in cost.cells(context.evidence, STUDY).items():
        groups[cell.state][cell] = processes
    rows: list[Row] = []
    for state, here in groups.items():
        for arm in cost.arms_of([p for processes in here.values() for p in processes]):
            ratio = cost.overall(context.evidence, here, arm, REFERENCE + parse(arm).segments)
            if ratio is not None:
                shares = [s for c, p in here.items() if (s := marginal(context, c, p, arm)[1])]
                share = with_bounds(mean_of(shares) if shares else None)
                rows.append([arm, state, ratio.cells, *bounds(ratio.log_ratio), *share])
    return rows
