"""The table of conformance: every encoding beside its paper's formula, and beside its neighbour."""

from __future__ import annotations

import math

from report.tables import Context, Row


def conformance(context: Context) -> list[Row]:
    """One row per convention; where several runs have it, the one with the largest error."""
    found: dict[tuple[str, str], Row] = {}
    for run in context.evidence.runs:
        for row in run.conformance:
            key = (row.encoding, row.convention)
            kept = found.get(key)
            if kept is None or row.error > float(kept[5]) or math.isnan(float(kept[5])):
                told: Row = [row.encoding, row.convention, row.used_by, row.compared, row.shape]
                told += [row.error, row.neighbour, row.difference, row.permuted]
                found[key] = told
    return list(found.values())
