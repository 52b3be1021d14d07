"""Where computing a row beats looking it up, over length and width."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Mapping

from report import cost
from report.statistics import Estimate, LEVEL
from report.tables import Context, Row, Value
from report.tables.best import kernel
from report.tables.cost import bounds

STUDY = "crossover"
COMPUTED, LOOKUP = "best_computed", "best_lookup"


def crossover(context: Context) -> list[Row]:
    rows: list[Row] = []
    for cell, processes in cost.cells(context.evidence, STUDY).items():
        found = cost.ratio(context.evidence, cell, processes, COMPUTED, LOOKUP)
        if found is not None:
            kernels = [kernel(processes, COMPUTED), kernel(processes, LOOKUP)]
            place: Row = [cell.state, cell.isa, cell.hidden, cell.length]
            rows.append([*place, *bounds(found), *kernels, winner(found)])
    return rows


def winner(log_ratio: Estimate) -> str:
    """Who is faster by the whole interval, if anybody is."""
    low, high = log_ratio.interval(LEVEL)
    if high < 0:
        return "computing"
    return "lookup" if low > 0 else "neither"


def crossover_summary(context: Context) -> list[Row]:
    """By state and width: who wins how many lengths, and from which length on computing always does."""
    lengths: dict[tuple[str, str, int], dict[int, str]] = defaultdict(dict)
    for state, isa, hidden, length, *_, won in crossover(context):
        lengths[str(state), str(isa), int(hidden)][int(length)] = str(won)
    rows: list[Row] = []
    for (state, isa, hidden), by_length in lengths.items():
        count = Counter(by_length.values())
        wins = [count["computing"], count["neither"], count["lookup"]]
        rows.append([state, isa, hidden, len(by_length), *wins, always_from(by_length)])
    return rows


def always_from(by_length: Mapping[int, str]) -> Value:
    """The length from which on computing wins at every one measured; empty where it does not."""
    found: Value = ""
    for length in sorted(by_length, reverse=True):
        if by_length[length] != "computing":
            break
        found = length
    return found
